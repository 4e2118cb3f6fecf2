from typing import TYPE_CHECKING

from django.apps import AppConfig

from backend.registries import homes, leaving, merging, trusted

if TYPE_CHECKING:
    from backend.documents.services import Kind


class MerchantsConfig(AppConfig):
    name = "merchants"

    def ready(self) -> None:
        from backend.documents.services import register
        from backend.events import planners
        from backend.payouts import subjects
        from backend.sampling import subjects as sampling
        from backend.webhooks import owners
        from merchants import imported
        from merchants import merging as theirs
        from merchants.catalogue.services import fairs, offers, raised
        from merchants.giving.services import giving_back, wishes
        from merchants.partners.selectors import counts_while, home_of, works_somewhere
        from merchants.partners.services import increases, partnerships
        from merchants.redemption import given_back
        from merchants.redemption.sampled import REDEMPTIONS
        from merchants.redemption.selectors import pieces_held
        from merchants.redemption.services import cards
        from merchants.settlement.selectors import is_unsettled
        from merchants.settlement.services import payouts
        from merchants.webhooks import services as webhooks

        imported.register_all()
        homes.found_by(home_of)
        trusted.told_by(works_somewhere)
        merging.register(finds=theirs.conflicts, counts=theirs.counted, moves=theirs.move)
        leaving.heard_by(giving_back.give_back)
        leaving.heard_by(cards.block_of)
        given_back.heard_by(wishes.open_again)
        register("statement", _statement)
        subjects.register("statement", payouts.KIND)
        sampling.register("redemption", REDEMPTIONS)
        counts_while(is_unsettled)
        owners.declare(webhooks.OWNERS)
        planners.register(fairs.PLANNER)
        for declaring in (increases, partnerships, offers, wishes):
            increases.declare(declaring.INCREASES)
        raised.counts_pieces(pieces_held)


def _statement() -> "Kind":
    from backend.documents.services import Kind
    from merchants.settlement.services import files

    return Kind(files.seen_by, files.write)
