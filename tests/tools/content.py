"""Bodies that can be checked at any offset: the bytes of `generate(seed, offset, size)` are the same
wherever a piece begins, and no two seeds or offsets give the same piece.
"""
import hashlib

BLOCK = 4096


def _block(seed, number):
    head = f"{seed}:{number}:".encode()
    return head + hashlib.shake_128(head).digest(BLOCK - len(head))


def generate(seed, offset, size):
    """The bytes [offset, offset + size) of the endless body named `seed`."""
    first, last = offset // BLOCK, (offset + size + BLOCK - 1) // BLOCK
    blocks = b"".join(_block(seed, number) for number in range(first, last))
    return blocks[offset - first * BLOCK : offset - first * BLOCK + size]


def pieces(seed, size, piece=65536):
    """The first `size` bytes in pieces."""
    for offset in range(0, size, piece):
        yield generate(seed, offset, min(piece, size - offset))


def digest(seed, size):
    """SHA-256 of the first `size` bytes, as hexadecimal text."""
    state = hashlib.sha256()
    for part in pieces(seed, size):
        state.update(part)
    return state.hexdigest()
