"""Programs and their mathematics; numpy and scipy only."""
