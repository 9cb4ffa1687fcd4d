"""The parent of several processes of one Region: it starts, watches and ends them, and answers for all. It holds no keys."""
