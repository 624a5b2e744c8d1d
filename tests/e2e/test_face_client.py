"""Microsoft's own client package, unchanged, against the running service."""

from collections.abc import Iterator

import pytest
from azure.ai.vision.face import FaceClient
from azure.ai.vision.face.models import (
    BlurLevel,
    FaceAttributeTypeDetection01,
    FaceAttributeTypeDetection03,
    FaceAttributeTypeRecognition04,
    FaceDetectionModel,
    FaceDetectionResult,
    FaceRecognitionModel,
    MaskType,
    QualityForRecognition,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from tests.support.deployment import APPROVED, OTHER, REDACT_ONLY, SLOW, UNAPPROVED, Deployment
from tests.support.layer import sample


def _client(running: Deployment, tenant: str = APPROVED) -> FaceClient:
    return FaceClient(running.stack.url, AzureKeyCredential(running.keys[tenant]))


@pytest.fixture(scope="module")
def client(running: Deployment) -> Iterator[FaceClient]:
    with _client(running) as client:
        yield client


@pytest.fixture(scope="module")
def consent(running: Deployment) -> str:
    return running.consents[APPROVED]


def _detect(
    client: FaceClient, name: str, *, face_id: bool = True, consent: str = ""
) -> list[FaceDetectionResult]:
    return client.detect(
        sample(name),
        headers={"X-Consentry-Consent": consent},
        detection_model=FaceDetectionModel.DETECTION03,
        recognition_model=FaceRecognitionModel.RECOGNITION04,
        return_face_id=face_id,
        return_recognition_model=True,
    )


def _face_id(client: FaceClient, name: str, consent: str) -> str:
    face_id = _detect(client, name, consent=consent)[0].face_id
    assert face_id
    return face_id


def test_two_photos_of_one_person_are_identical(client: FaceClient, consent: str) -> None:
    first, second = (_face_id(client, f"person_a_{number}.jpg", consent) for number in (1, 2))
    result = client.verify_face_to_face(face_id1=first, face_id2=second)
    assert result.is_identical
    assert 0.5 <= result.confidence <= 1.0


def test_photos_of_two_people_are_not_identical(client: FaceClient, consent: str) -> None:
    first, second = (
        _face_id(client, name, consent) for name in ("person_a_1.jpg", "person_b_1.jpg")
    )
    result = client.verify_face_to_face(face_id1=first, face_id2=second)
    assert not result.is_identical
    assert result.confidence < 0.5


def test_only_one_face_of_a_crowd_gets_an_id(client: FaceClient, consent: str) -> None:
    faces = _detect(client, "city.jpg", consent=consent)
    assert len(faces) > 3
    assert len([face for face in faces if face.face_id]) == 1
    areas = [face.face_rectangle.width * face.face_rectangle.height for face in faces]
    assert areas[0] == max(areas)


def test_without_a_consent_in_force_there_is_no_face_id(
    running: Deployment, client: FaceClient
) -> None:
    ended = running.give_consent()
    with running.client() as http:
        assert http.post(f"/consents/{ended}/withdraw", content=b"").is_success
    for named in ("", "p-1", ended, running.consents[OTHER]):
        with pytest.raises(HttpResponseError) as caught:
            _detect(client, "person_a_1.jpg", consent=named)
        assert caught.value.status_code == 403
        assert caught.value.error is not None
        assert caught.value.error.code == "ConsentRequired"


def test_face_ids_of_two_subjects_are_not_compared(
    running: Deployment, client: FaceClient, consent: str
) -> None:
    other = running.give_consent(subject="p-2")
    first = _face_id(client, "person_a_1.jpg", consent)
    second = _face_id(client, "person_a_2.jpg", other)
    with pytest.raises(HttpResponseError) as caught:
        client.verify_face_to_face(face_id1=first, face_id2=second)
    assert caught.value.error is not None
    assert caught.value.error.code == "SubjectMismatch"


def test_recognition_model_is_echoed_when_asked_for(client: FaceClient) -> None:
    face = _detect(client, "person_a_1.jpg", face_id=False)[0]
    assert face.recognition_model == "recognition_04"
    assert face.face_id is None


def test_tenant_without_verify_gets_rectangles_but_no_face_id(running: Deployment) -> None:
    with _client(running, REDACT_ONLY) as client:
        assert _detect(client, "person_a_1.jpg", face_id=False)
        with pytest.raises(HttpResponseError) as caught:
            _detect(client, "person_a_1.jpg")
    assert caught.value.status_code == 403
    assert caught.value.error is not None
    assert caught.value.error.code == "UnsupportedFeature"


def test_unapproved_tenant_is_refused_as_azure_refuses(running: Deployment) -> None:
    with _client(running, UNAPPROVED) as client, pytest.raises(HttpResponseError) as caught:
        _detect(client, "person_a_1.jpg")
    assert caught.value.status_code == 403
    assert "missing approval" in caught.value.message


def test_wrong_key_raises_the_clients_authentication_error(running: Deployment) -> None:
    wrong = FaceClient(running.stack.url, AzureKeyCredential("0" * 32))
    with wrong as client, pytest.raises(ClientAuthenticationError):
        _detect(client, "person_a_1.jpg")


def test_calls_beyond_the_rate_raise_the_clients_error_with_the_time_to_wait(
    running: Deployment,
) -> None:
    key, waits = AzureKeyCredential(running.keys[SLOW]), list[str | None]()

    def detect(client: FaceClient) -> None:
        client.detect(
            sample("person_a_1.jpg"),
            detection_model=FaceDetectionModel.DETECTION03,
            recognition_model=FaceRecognitionModel.RECOGNITION04,
            return_face_id=False,
            raw_response_hook=lambda reply: waits.append(
                reply.http_response.headers.get("Retry-After")
            ),
        )

    def detect_beyond_the_rate() -> None:
        with FaceClient(running.stack.url, key, retry_total=0) as client:
            for _ in range(7):  # twice in each of three minutes, and once more
                detect(client)

    with pytest.raises(HttpResponseError) as caught:
        detect_beyond_the_rate()
    assert caught.value.status_code == 429
    assert caught.value.error is not None
    assert caught.value.error.code == "RateLimitExceeded"
    assert 1 <= int(waits[-1] or 0) <= 60


def test_face_id_of_another_tenant_does_not_exist(
    running: Deployment, client: FaceClient, consent: str
) -> None:
    own = _face_id(client, "person_a_1.jpg", consent)
    with _client(running, OTHER) as other, pytest.raises(ResourceNotFoundError):
        other.verify_face_to_face(face_id1=own, face_id2=own)


def test_retired_attribute_is_refused_whoever_asks(running: Deployment) -> None:
    with running.client() as http:
        for attribute in ("age", "gender", "emotion", "smile", "facialHair", "hair", "makeup"):
            reply = http.post(
                "/face/v1.2/detect",
                params={"returnFaceId": "false", "returnFaceAttributes": attribute},
                content=sample("person_a_1.jpg"),
                headers={"Content-Type": "application/octet-stream"},
            )
            assert reply.status_code == 403
            assert reply.headers["x-ms-error-code"] == "UnsupportedFeature"


def test_client_reads_the_attributes_that_stay_open(client: FaceClient) -> None:
    (face,) = client.detect(
        sample("person_a_2.jpg"),
        detection_model=FaceDetectionModel.DETECTION03,
        recognition_model=FaceRecognitionModel.RECOGNITION04,
        return_face_id=False,
        return_face_attributes=[
            FaceAttributeTypeDetection03.HEAD_POSE,
            FaceAttributeTypeDetection03.BLUR,
            FaceAttributeTypeDetection03.MASK,
        ],
    )
    told = face.face_attributes
    assert told is not None
    assert told.head_pose is not None
    assert told.blur is not None
    assert abs(told.head_pose.roll) < 15
    assert told.blur.blur_level == BlurLevel.LOW
    assert told.mask is not None
    assert told.mask.type == MaskType.NO_MASK


def test_client_reads_the_quality_of_a_claimed_face(client: FaceClient, consent: str) -> None:
    (face,) = client.detect(
        sample("person_a_2.jpg"),
        headers={"X-Consentry-Consent": consent},
        detection_model=FaceDetectionModel.DETECTION03,
        recognition_model=FaceRecognitionModel.RECOGNITION04,
        return_face_id=True,
        return_face_attributes=[FaceAttributeTypeRecognition04.QUALITY_FOR_RECOGNITION],
    )
    assert face.face_id
    assert face.face_attributes is not None
    assert face.face_attributes.quality_for_recognition == QualityForRecognition.HIGH


def test_attribute_that_is_not_offered_says_so(client: FaceClient) -> None:
    with pytest.raises(HttpResponseError) as caught:
        client.detect(
            sample("person_a_1.jpg"),
            detection_model=FaceDetectionModel.DETECTION01,
            recognition_model=FaceRecognitionModel.RECOGNITION04,
            return_face_id=False,
            return_face_attributes=[FaceAttributeTypeDetection01.GLASSES],
        )
    assert caught.value.error is not None
    assert caught.value.error.code == "UnsupportedFeature"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "findsimilars"),
        ("POST", "identify"),
        ("POST", "group"),
        ("PUT", "persongroups/staff"),
        ("PUT", "largepersongroups/staff"),
        ("POST", "facelists/list/persistedfaces"),
        ("PUT", "largefacelists/list"),
        ("POST", "detectLiveness/singleModal/sessions"),
    ],
)
def test_one_against_many_is_refused_and_recorded(
    running: Deployment, method: str, path: str
) -> None:
    with running.new_records() as records, running.client() as http:
        reply = http.request(method, f"/face/v1.2/{path}", json={})
    assert reply.status_code == 403
    assert reply.json()["error"]["code"] == "UnsupportedFeature"
    assert [(record["operation"], record["reason"]) for record in records] == [
        ("search", "one_to_many")
    ]


def test_named_face_is_the_one_that_gets_the_id(running: Deployment) -> None:
    with running.client(**{"Content-Type": "application/octet-stream"}) as http:
        faces = http.post("/face/v1.2/detect", content=sample("city.jpg")).json()
        named = faces[2]["faceRectangle"]
        header = ",".join(str(named[part]) for part in ("left", "top", "width", "height"))
        claimed = http.post(
            "/face/v1.2/detect",
            content=sample("city.jpg"),
            headers={"X-Consentry-Face": header},
        ).json()
        nowhere = http.post(
            "/face/v1.2/detect",
            content=sample("city.jpg"),
            headers={"X-Consentry-Face": "0,0,9,9"},
        )
    assert [index for index, face in enumerate(claimed) if "faceId" in face] == [2]
    assert nowhere.status_code == 404
    assert nowhere.json()["error"]["code"] == "FaceNotFound"
