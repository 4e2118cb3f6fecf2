"""What only a cluster can show: ``make test-cluster``. Without one nothing here is collected."""

from tests import cluster

collect_ignore_glob = [] if cluster.is_used() else ["test_*.py"]
