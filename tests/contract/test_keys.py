import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from consentry.errors import IntegrityError
from consentry.service.ports import SigningKey, WrappingKey

MESSAGE = b"eyJhbGciOiJFUzI1NiJ9.e30"


def test_a_signature_verifies_by_the_public_key(signing: SigningKey) -> None:
    signature = signing.sign(MESSAGE)
    (public,) = signing.public_keys()
    assert public.kid == signing.kid
    assert set(public.jwk) <= {"kty", "crv", "x", "y", "kid"}
    key = ECKey.import_key({**public.jwk})
    assert len(signature) == 64
    assert jws.JWSRegistry.algorithms["ES256"].verify(MESSAGE, signature, key)
    assert not jws.JWSRegistry.algorithms["ES256"].verify(MESSAGE + b"x", signature, key)


def test_a_wrapped_key_is_not_the_key_and_unwraps_to_it(wrapping: WrappingKey) -> None:
    key = bytes(range(32))
    kid, wrapped = wrapping.wrap(key)
    assert key not in wrapped
    assert kid == wrapping.kid
    assert wrapping.unwrap(kid, wrapped) == key


def test_what_was_not_wrapped_does_not_unwrap(wrapping: WrappingKey) -> None:
    kid, wrapped = wrapping.wrap(bytes(32))
    for damaged in (bytes(len(wrapped)), wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b""):
        with pytest.raises(IntegrityError):
            wrapping.unwrap(kid, damaged)


def test_another_keys_name_does_not_unwrap(wrapping: WrappingKey) -> None:
    _, wrapped = wrapping.wrap(bytes(32))
    with pytest.raises(IntegrityError):
        wrapping.unwrap("0" * 32, wrapped)
