"""Recipes: read, checked against the constructors of the parts, and built."""

from contramuse.recipe.document import Recipe, load_recipe, recipe_folder, recipe_names, recipe_schema
from contramuse.recipe.settings import Embed, Train

__all__ = ["Embed", "Recipe", "Train", "load_recipe", "recipe_folder", "recipe_names", "recipe_schema"]
