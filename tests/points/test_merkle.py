"""The hashing of RFC 6962, section 2.1, against its reference vectors and its own definition."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from points.seals import merkle

# From the reference implementation: transparency-dev/merkle, testonly/constants.go and
# testonly/reference_test.go.
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
LEAVES = [merkle.leaf_hash(data) for data in INPUTS]
ROOTS = [  # of the first 0, 1, 2, … leaves
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PATHS = [  # index, size, path
    (0, 1, []),
    (0, 2, ["96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"]),
    (1, 2, ["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"]),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        1,
        5,
        [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]


def split(data: list[bytes]) -> int:
    """The RFC's k: the largest power of two smaller than the number of entries."""
    return 1 << ((len(data) - 1).bit_length() - 1)


def mth(data: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, to the letter: over the entries themselves."""
    if not data:
        return sha256().digest()
    if len(data) == 1:
        return sha256(b"\x00" + data[0]).digest()
    k = split(data)
    return sha256(b"\x01" + mth(data[:k]) + mth(data[k:])).digest()


def audit_path(m: int, data: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1, to the letter."""
    if len(data) == 1:
        return []
    k = split(data)
    if m < k:
        return [*audit_path(m, data[:k]), mth(data[k:])]
    return [*audit_path(m - k, data[k:]), mth(data[:k])]


def entries(size: int) -> list[bytes]:
    return [b"entry %d" % place for place in range(size)]


@pytest.mark.parametrize(("size", "root"), list(enumerate(ROOTS)))
def test_the_reference_roots(size, root):
    assert merkle.root(LEAVES[:size]).hex() == root == mth(INPUTS[:size]).hex()


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_the_reference_paths(index, size, path):
    assert [step.hex() for step in merkle.inclusion_path(LEAVES[:size], index)] == path
    steps = [bytes.fromhex(step) for step in path]
    assert merkle.root_from_path(LEAVES[index], index, size, steps).hex() == ROOTS[size]


@pytest.mark.parametrize("size", [*range(1, 41), 4095, 4096])
def test_every_root_and_path_is_the_one_the_rfc_defines(size):
    data = entries(size)
    leaves = [merkle.leaf_hash(entry) for entry in data]
    root = merkle.root(leaves)

    assert root == mth(data)
    for index in range(size) if size <= 40 else (0, 2048, size - 1):
        path = merkle.inclusion_path(leaves, index)
        assert path == audit_path(index, data)
        assert merkle.root_from_path(leaves[index], index, size, path) == root


@given(st.data(), st.integers(1, 40))
def test_one_flipped_bit_leads_to_another_root_or_to_none(draws, size):
    leaves = [merkle.leaf_hash(entry) for entry in entries(size)]
    index = draws.draw(st.integers(0, size - 1), "index")
    path = merkle.inclusion_path(leaves, index)
    root = merkle.root(leaves)
    assert merkle.root_from_path(leaves[index], index, size, path) == root

    hashes = [leaves[index], *path]
    place = draws.draw(st.integers(0, len(hashes) - 1), "hash")
    hashes[place] = flipped(hashes[place], draws.draw(st.integers(0, 255), "bit"))
    assert merkle.root_from_path(hashes[0], index, size, hashes[1:]) != root

    moved = index ^ 1 << draws.draw(st.integers(0, 7), "bit of the index")
    try:
        assert merkle.root_from_path(leaves[index], moved, size, path) != root
    except ValueError:
        assert moved >= size or len(merkle.inclusion_path(leaves, moved)) != len(path)


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data) ^ 1 << bit).to_bytes(len(data))


@pytest.mark.parametrize(
    ("index", "size", "steps"),
    [
        (0, 1, 1),  # too long
        (0, 8, 2),  # too short
        (0, 8, 4),
        (4, 5, 2),  # the odd one out needs a single step
        (4, 5, 0),
        (8, 8, 3),  # no such leaf
        (-1, 8, 3),
        (0, 0, 0),
    ],
)
def test_a_path_that_does_not_fit_is_refused(index, size, steps):
    with pytest.raises(ValueError, match=r"leaf|path"):
        merkle.root_from_path(LEAVES[0], index, size, LEAVES[:steps])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 3)])
def test_a_leaf_that_is_not_there_has_no_path(index, size):
    with pytest.raises(ValueError, match="leaf"):
        merkle.inclusion_path(LEAVES[:size], index)


SEAL = {
    "community": "碧沙湖",
    "number": 1,
    "previous": merkle.FIRST_PREVIOUS,
    "root": ROOTS[8],
    "sealed_at": "2026-11-23T21:20:32.123456Z",
    "size": 8,
}


def test_a_head_is_the_hash_of_the_seal_written_in_one_way():
    text = (
        '{"community":"碧沙湖","number":1,"previous":"' + "0" * 64 + '",'
        '"root":"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",'
        '"sealed_at":"2026-11-23T21:20:32.123456Z","size":8}'
    )
    in_another_order = dict(reversed(SEAL.items())) | {"head": "not part of it"}

    assert merkle.head(SEAL) == merkle.head(in_another_order) == sha256(text.encode()).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"community": "碧沙湖2"},
        {"number": 2},
        {"previous": ROOTS[0]},
        {"root": ROOTS[7]},
        {"sealed_at": "2026-11-23T21:20:32.123457Z"},
        {"size": 7},
    ],
)
def test_a_head_depends_on_each_field(change):
    assert merkle.head(SEAL | change) != merkle.head(SEAL)
