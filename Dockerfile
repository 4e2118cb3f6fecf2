# The production image: one for migrate, web, worker and beat. No development tools, no built-in
# servers, no secrets; those come from the environment when it runs.
FROM node:22-slim AS packages
WORKDIR /app
COPY backend/top/pages/package.json backend/top/pages/package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.11-slim AS build
WORKDIR /app
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH LINLI_HOME=/app/var
COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY . ./
COPY --from=packages /app/node_modules backend/top/pages/node_modules
RUN pybabel compile --domain=django --directory=backend/locale
# The settings want these to be there; none of the values outlives the command.
RUN DATABASE_URL=postgresql:///unused REDIS_URL=redis://unused \
    LINLI_SECRET_KEY=unused LINLI_FIELD_KEYS=unused LINLI_PHONE_INDEX_KEY=unused \
    python manage.py collectstatic --no-input

# Of the profile `scaled`.
FROM debian:bookworm-slim AS pgbouncer
RUN apt-get update && apt-get install -y --no-install-recommends pgbouncer postgresql-client \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY deploy/pgbouncer.ini deploy/
USER nobody

FROM python:3.11-slim
RUN useradd --system --user-group --no-create-home --shell /usr/sbin/nologin linli \
    && install --directory --owner=linli --group=linli /srv/media
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LINLI_HOME=/app/var \
    LINLI_MEDIA_ROOT=/srv/media
USER linli
