"""One community a shard: which tables a Citus cluster keeps where, and what makes it so.

Nothing else of the project knows of Citus. docs/scale.md says when a cluster pays.
"""
