"""The world of the miniature: scenes of named objects on named backgrounds, and how alike two scenes are.

A scene is what a caption is *about*; :mod:`whichway.miniature.captions` puts it into words and
:mod:`whichway.miniature.painter` into pixels. Some combinations are never trained on (:func:`is_held_out`), so that
composition can be measured.
"""

import zlib
from dataclasses import dataclass, replace

import numpy as np

#: What a picture can show. ``artwork/<name>.png`` is how it looks; all can be told apart at 22 pixels.
OBJECTS = (
    # animals
    "dog", "cat", "fox", "panda", "lion", "tiger", "bear", "koala", "rabbit", "pig", "cow", "frog", "monkey", "owl",
    "penguin", "chick", "octopus", "turtle", "fish", "whale", "butterfly", "ladybug", "unicorn",
    # food
    "apple", "lemon", "banana", "strawberry", "watermelon", "pineapple", "pizza", "donut", "burger", "cake",
    # plants
    "cactus", "sunflower", "mushroom", "tulip", "tree",
    # things that move
    "car", "bus", "rocket", "sailboat", "tractor", "train",
    # things
    "balloon", "gift", "soccer ball", "basketball", "house", "key", "clock", "guitar", "umbrella", "robot", "ghost",
    "crown", "star", "heart", "snowman", "pumpkin",
)  # fmt: skip

COLOURS = {
    "red": (214, 48, 49),
    "orange": (243, 146, 55),
    "yellow": (250, 215, 80),
    "green": (76, 165, 80),
    "blue": (58, 110, 220),
    "purple": (132, 80, 180),
    "pink": (246, 160, 195),
    "white": (244, 244, 244),
    "gray": (136, 140, 146),
    "black": (26, 26, 30),
}
SCENERY = ("night", "sunset", "beach", "desert", "snow", "meadow")
BACKGROUNDS = (*COLOURS, *SCENERY)

SIZES = ("small", "medium", "large")
POSITIONS = ("middle", "left", "right", "top", "bottom")
#: first object relative to the second; "right of" and "below" are the same scenes told from the other side.
RELATIONS = ("left of", "above")

#: What a scene has where its caption does not say so. A caption is complete: it says all that differs from this.
DEFAULT = {"background": "white", "size": "medium", "position": "middle"}

HELD_OUT_SHARE = 0.1


@dataclass(frozen=True)
class Scene:
    """What a picture shows: one object with a size and a position, or two objects (medium) with a relation."""

    objects: tuple[str, ...]
    background: str
    size: str = DEFAULT["size"]
    position: str = DEFAULT["position"]
    relation: str | None = None

    def __post_init__(self) -> None:
        known = {"object": OBJECTS, "background": BACKGROUNDS, "size": SIZES, "position": POSITIONS}
        named = [("object", name) for name in self.objects]
        named += [("background", self.background), ("size", self.size), ("position", self.position)]
        for kind, name in named:
            if name not in known[kind]:
                raise ValueError(f"unknown {kind} {name!r}; known: {', '.join(known[kind])}")
        if (len(self.objects), self.relation in RELATIONS) not in {(1, False), (2, True)}:
            raise ValueError(f"a scene has one object, or two and a relation of {RELATIONS}; got {self}")


def _chosen(share: float, *names: str) -> bool:
    """A fixed pseudo-random choice by name, the same on every machine and in every version."""
    return zlib.crc32("|".join(names).encode()) % 1000 < 1000 * share


def is_held_out(scene: Scene) -> bool:
    """Whether the scene shows a combination that training never sees.

    Held out are a tenth of the (object, background) combinations, whichever scene they occur in, and a tenth of the
    (object, relation, object) combinations on every background.
    """
    if any(_chosen(HELD_OUT_SHARE, name, scene.background) for name in scene.objects):
        return True
    return scene.relation is not None and _chosen(HELD_OUT_SHARE, scene.relation, *scene.objects)


def sample_scene(rng: np.random.Generator, *, held_out: bool | None = False, two_objects: float = 0.35) -> Scene:
    """A random scene: ``held_out`` False for training, True for held-out combinations only, None for either."""
    while True:
        background = str(rng.choice(BACKGROUNDS))
        if rng.random() < two_objects:
            first, second = rng.choice(OBJECTS, size=2, replace=False)
            scene = Scene((str(first), str(second)), background, relation=str(rng.choice(RELATIONS)))
        else:
            scene = Scene(
                (str(rng.choice(OBJECTS)),),
                background,
                size=str(rng.choice(SIZES)),
                position=str(rng.choice(POSITIONS, p=[0.4, 0.15, 0.15, 0.15, 0.15])),
            )
        if held_out is None or is_held_out(scene) == held_out:
            return scene


def vary(scene: Scene, rng: np.random.Generator) -> Scene:
    """A training scene that differs from ``scene`` in one thing: an object, the background, the size or the layout."""
    while True:
        first, *rest = scene.objects
        other = str(rng.choice([name for name in OBJECTS if name not in scene.objects]))
        changes: list[dict] = [{"background": str(rng.choice(BACKGROUNDS))}, {"objects": (other, *rest)}]
        if rest:
            swapped = RELATIONS[1 - RELATIONS.index(str(scene.relation))]
            changes += [{"objects": (first, other)}, {"objects": (*rest, first)}, {"relation": swapped}]
        else:
            place = {"position": str(rng.choice(POSITIONS))}
            changes += [{"size": str(rng.choice(SIZES))}, place, place]
        varied = replace(scene, **changes[int(rng.integers(len(changes)))])
        if varied != scene and not is_held_out(varied):
            return varied


def scene_similarity(a: Scene, b: Scene) -> float:
    """How alike two scenes are, from 0 to 5: the controlled counterpart of human similarity ratings of captions.

    Shared objects count 2.5 (Jaccard index), the background 1.25, size 0.625, and position or relation 0.625.
    """
    shared = len(set(a.objects) & set(b.objects)) / len(set(a.objects) | set(b.objects))
    same_layout = (a.position, a.relation) == (b.position, b.relation) and (
        a.relation is None or shared < 1 or a.objects == b.objects
    )
    return 2.5 * shared + 1.25 * (a.background == b.background) + 0.625 * (a.size == b.size) + 0.625 * same_layout
