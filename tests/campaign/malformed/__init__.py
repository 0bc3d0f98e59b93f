"""Input that is wrong, of everything that the toolkit reads: is it said in one line that a user can act on?"""

from collections.abc import Iterator

from tests.campaign.commands import Workplace
from tests.campaign.malformed import arguments, model_folders, pairs_files, prompt_files, run_folders
from tests.campaign.trial import Trial


def trials(workplace: Workplace) -> Iterator[Trial]:
    for kind in (prompt_files, pairs_files, model_folders, run_folders, arguments):
        yield from kind.trials(workplace)
