"""Our scripts inside DAWs: where they go, and how they get there and away again."""
