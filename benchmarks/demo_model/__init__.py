"""The program that trains fasteval's demo model: a tiny Qwen2-VL that answers easy-VQA questions."""

from . import torchvision_fix as torchvision_fix
