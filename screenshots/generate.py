"""Take the screenshots, or check that they still show what the screens show.

python -m screenshots.generate              all of them (`make shots`)
python -m screenshots.generate pods nodes   those; `slack` is the one that takes a browser
python -m screenshots.generate --check      compare text and styles with the SVGs, write nothing
python -m screenshots.generate --new-stage  seed a sandbox anew for them first
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from screenshots import slack
from screenshots.drawing import png_of, svg_of
from screenshots.frame import Frame
from screenshots.pictures import PICTURES, Picture
from screenshots.stage import Standing, keep, kept, make_stage, set_up
from screenshots.taking import any_frame, at_home, frame_taken

HERE: Final = Path(__file__).parent

Say = Callable[[str], None]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; exit 1 where a picture is stale.")
@click.option("--new-stage", is_flag=True, help="Seed a sandbox anew, and keep it as the stage.")
@click.option(
    "--into", type=click.Path(path_type=Path, file_okay=False), default=HERE, help="Another folder."
)
def main(names: Sequence[str], check: bool, new_stage: bool, into: Path) -> None:
    """Take the screenshots of these NAMES, or all."""
    unknown = set(names) - {picture.name for picture in PICTURES} - {slack.NAME}
    if unknown:
        raise click.UsageError(f"no such picture: {', '.join(sorted(unknown))}")
    chosen = [picture for picture in PICTURES if not names or picture.name in names]
    chat = not names or slack.NAME in names
    wrong = asyncio.run(_all(chosen, chat=chat, check=check, new_stage=new_stage, into=into))
    sys.exit(1 if wrong else 0)


async def _all(
    chosen: Sequence[Picture], *, chat: bool, check: bool, new_stage: bool, into: Path
) -> list[str]:
    if new_stage:
        size = await asyncio.to_thread(keep, await make_stage(_say))
        _say(f"the new stage has {size // 1024} KiB")
    wrong: list[str] = []
    async with set_up(kept()) as standing:
        with at_home(standing):
            for picture in chosen:
                path = into / f"{picture.name}.svg"
                is_wanted = partial(_is_kept, path, picture.alt) if check else any_frame
                try:
                    frame = await frame_taken(standing, picture, is_wanted)
                except Exception as error:  # noqa: BLE001 - a screen that breaks must not cost the other pictures
                    wrong.append(picture.name)
                    _say(f"{picture.name}: {type(error).__name__}: {error}")
                    continue
                svg = svg_of(frame, picture.alt)
                if check:
                    difference = _difference(path, svg)
                    wrong += [picture.name] if difference else []
                    _say(f"{picture.name}: {difference or 'as it is'}")
                else:
                    path.write_text(svg, encoding="utf-8")
                    path.with_suffix(".png").write_bytes(png_of(svg))
                    _say(f"took {picture.name}")
            # The last: its runs change the stage.
            if chat and not await _slack(standing, check=check, into=into):
                wrong.append(slack.NAME)
    return wrong


async def _slack(standing: Standing, *, check: bool, into: Path) -> bool:
    try:
        return await slack.take(standing, into, check=check, say=_say)
    except Exception as error:  # noqa: BLE001 - a browser that breaks must not cost the other pictures
        _say(f"{slack.NAME}: {type(error).__name__}: {error}")
        return False


def _is_kept(path: Path, alt: str, frame: Frame) -> bool:
    return not _difference(path, svg_of(frame, alt))


def _difference(path: Path, svg: str) -> str:
    """How the picture that is kept differs from the one just taken; empty where it does not."""
    if not path.exists():
        return "stale: there is none; `make shots` takes it"
    before, now = (_drawn(text) for text in (path.read_text(encoding="utf-8"), svg))
    if before == now:
        return ""
    gone = next((line for line in before if line not in now), "")
    new = next((line for line in now if line not in before), "")
    return f"stale; `make shots` takes it again\n  kept  {gone}\n  shown {new}"


def _drawn(svg: str) -> list[str]:
    """Each piece of text and of ground, with its place and style; nothing of what is around them."""
    return [line for line in svg.splitlines() if line.startswith(("<text ", "<rect "))]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
