"""Azure AI Face's parameters: every name of its models, every bound, and our own models told."""

import json
from typing import Any

import pytest
from tests.support.layer import sample
from tests.support.service import (
    TENANT,
    Context,
    Functions,
    World,
    functions_of,
    handler,
    http_request,
    make_world,
)

from consentry.azure.names import TableName
from consentry.vision import Role
from face_api import (
    DETECTION_MODELS,
    RECOGNITION_MODELS,
)
from face_attributes import NOT_OFFERED, RETIRED_ATTRIBUTES


@pytest.fixture(scope="module")
def world() -> World:
    world = make_world(CONSENTRY_URL_HOSTS="pictures.example")
    world.approve()
    return world


@pytest.fixture(scope="module")
def functions(world: World) -> Functions:
    return functions_of(world.services)


def _detect(world: World, functions: Functions, **params: str) -> Any:
    body = sample("person_a_1.jpg")
    asked = {"returnFaceId": "false"} | params
    request = http_request(world, body=body, params=asked, x_consentry_consent="p-4711")
    return handler(functions, "detect")(request, Context())


@pytest.mark.parametrize("model", sorted(RECOGNITION_MODELS))
def test_every_recognition_model_of_azure_is_accepted_and_echoed(
    world: World, functions: Functions, model: str
) -> None:
    reply = _detect(world, functions, recognitionModel=model, returnRecognitionModel="true")
    assert [face["recognitionModel"] for face in json.loads(reply.get_body())] == [model]


@pytest.mark.parametrize("model", sorted(DETECTION_MODELS))
def test_every_detection_model_of_azure_is_accepted(
    world: World, functions: Functions, model: str
) -> None:
    assert _detect(world, functions, detectionModel=model).status_code == 200


def test_reply_names_the_models_that_really_worked(world: World, functions: Functions) -> None:
    told = _detect(world, functions).headers["X-Consentry-Model"]
    for role in (Role.DETECTOR, Role.EMBEDDER):
        model = world.services.vision.models[role]
        assert f"{model.name}@sha256:{model.digest}" in told


@pytest.mark.parametrize("attribute", sorted(RETIRED_ATTRIBUTES | NOT_OFFERED))
def test_attribute_is_refused_by_its_name(
    world: World, functions: Functions, attribute: str
) -> None:
    reply = _detect(world, functions, returnFaceAttributes=attribute)
    assert reply.status_code == 403
    assert json.loads(reply.get_body())["error"]["code"] == "UnsupportedFeature"


def test_open_attributes_come_in_azures_shape(world: World, functions: Functions) -> None:
    wanted = "headPose,blur,Exposure, noise,mask"
    (face,) = json.loads(_detect(world, functions, returnFaceAttributes=wanted).get_body())
    told = face["faceAttributes"]
    assert set(told) == {"headPose", "blur", "exposure", "noise", "mask"}
    assert all(abs(told["headPose"][turn]) < 15 for turn in ("pitch", "roll", "yaw"))
    assert told["blur"]["blurLevel"] == "low"
    assert 0 <= told["blur"]["value"] < 0.25
    assert told["exposure"]["exposureLevel"] == "goodExposure"
    assert told["noise"]["noiseLevel"] == "low"
    assert told["mask"] == {"type": "noMask", "noseAndMouthCovered": False}


def test_only_the_attributes_that_were_asked_for_come(world: World, functions: Functions) -> None:
    (face,) = json.loads(_detect(world, functions, returnFaceAttributes="blur").get_body())
    assert set(face["faceAttributes"]) == {"blur"}
    (plain,) = json.loads(_detect(world, functions).get_body())
    assert "faceAttributes" not in plain


def test_quality_is_told_of_the_face_that_gets_a_template(
    world: World, functions: Functions
) -> None:
    wanted = {"returnFaceId": "true", "returnFaceAttributes": "qualityForRecognition"}
    (face,) = json.loads(_detect(world, functions, **wanted).get_body())
    assert face["faceAttributes"]["qualityForRecognition"] == "high"
    assert 0.5 <= face["faceAttributes"]["qualityScore"] <= 1


def test_quality_of_faces_that_nobody_claimed_is_not_told(
    world: World, functions: Functions
) -> None:
    wanted = {"returnFaceId": "true", "returnFaceAttributes": "qualityForRecognition"}
    body = sample("city.jpg")
    request = http_request(world, body=body, params=wanted, x_consentry_consent="p-4711")
    faces = json.loads(handler(functions, "detect")(request, Context()).get_body())
    told = [face for face in faces if face["faceAttributes"]]
    assert len(faces) > 3
    assert [set(face["faceAttributes"]) for face in told] == [
        {"qualityForRecognition", "qualityScore"}
    ]
    assert "faceId" in told[0]


def test_quality_without_a_face_id_is_refused_and_no_template_is_made(
    world: World, functions: Functions
) -> None:
    before = list(world.tables[TableName.TEMPLATES].query(TENANT))
    reply = _detect(world, functions, returnFaceAttributes="blur,QualityForRecognition")
    assert reply.status_code == 400
    assert "returnFaceId" in json.loads(reply.get_body())["error"]["message"]
    assert list(world.tables[TableName.TEMPLATES].query(TENANT)) == before


def test_retired_attribute_among_others_is_refused_too(world: World, functions: Functions) -> None:
    reply = _detect(world, functions, returnFaceAttributes="age,blur")
    assert "retired" in json.loads(reply.get_body())["error"]["message"]


@pytest.mark.parametrize(
    "params",
    [
        {"returnFaceAttributes": "shoeSize"},
        {"returnFaceId": "maybe"},
        {"returnRecognitionModel": "1"},
        {"faceIdTimeToLive": "59"},
        {"faceIdTimeToLive": "86401"},
        {"faceIdTimeToLive": "1e3"},
        {"faceIdTimeToLive": "٦٠"},
        {"detectionModel": "detection_04"},
    ],
)
def test_parameter_out_of_its_range_is_a_bad_argument(
    world: World, functions: Functions, params: dict[str, str]
) -> None:
    reply = _detect(world, functions, **params)
    assert reply.status_code == 400
    assert json.loads(reply.get_body())["error"]["code"] == "BadArgument"


def test_address_off_the_list_is_refused_before_anything_is_fetched(
    world: World, functions: Functions
) -> None:
    body = json.dumps({"url": "https://elsewhere.example/a.jpg"}).encode()
    request = http_request(
        world, body=body, params={"returnFaceId": "false"}, content_type="application/json"
    )
    reply = handler(functions, "detect")(request, Context())
    assert reply.status_code == 400
    assert json.loads(reply.get_body())["error"]["code"] == "InvalidURL"
