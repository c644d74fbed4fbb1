"""A little world to train and test trackers on, drawn instead of filmed.

Textured targets of many shapes move over textured backdrops, among look-alikes and passers-by and behind occluders,
while scale, aspect, light and camera change; every box is exact. The quickstart, the documentation's pictures and
many tests live in it.

>>> from siamtrack.data.synthetic import random_scene, write_dataset
>>> write_dataset("data/synthetic", seed=0)                      # GOT-10k's layout: train/ and test/
>>> scene = random_scene(seed=0, split="test", number=3, frames=50)
>>> scene.boxes[0], scene.draw(0).image                          # or frame by frame, in memory
"""

from siamtrack.data.synthetic.scene import Frame, Scene, random_scene
from siamtrack.data.synthetic.textures import KINDS, Texture
from siamtrack.data.synthetic.write import sequence_name, write_dataset

__all__ = ["KINDS", "Frame", "Scene", "Texture", "random_scene", "sequence_name", "write_dataset"]
