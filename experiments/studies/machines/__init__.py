"""What one training over several processes does: equality, speed, bytes, kills, a network that fails, and a model of its cost."""
