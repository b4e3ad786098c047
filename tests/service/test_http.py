import json

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings


def refused(response, status, code, message, field=None):
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert error["code"] == code
    assert message in error["message"]
    assert error["field"] == field


def post(client, path, content):
    return client.post(path, content=content, headers={"content-type": "application/json"})


def test_classify_answers_the_documented_json(client, classifier):
    response = client.post("/v1/classify", json={"text": "compose a jingle for my bakery"})
    assert response.status_code == 200
    assert response.json() == json.loads(json.dumps(classifier.classify("compose a jingle for my bakery").as_dict()))


def test_explanation_comes_on_demand_and_sums_to_the_log_odds(client):
    answer = client.post("/v1/classify", json={"text": "compose a jingle", "explain": True}).json()
    explanation = answer["explanation"]
    assert explanation["category"] == answer["category"] == "music"
    total = explanation["bias"] + sum(word["contribution"] for word in explanation["words"])
    assert total == pytest.approx(explanation["log_odds"])


def test_the_callers_threshold_decides(client):
    assert not client.post("/v1/classify", json={"text": "compose a jingle", "threshold": 1}).json()["decided"]
    assert client.post("/v1/classify", json={"text": "compose a jingle", "threshold": 0}).json()["decided"]


def test_a_batch_is_answered_in_order(client):
    texts = ["compose a jingle", "python script that renames files", "compose a jingle"]
    answer = client.post("/v1/classify/batch", json={"texts": texts}).json()
    assert answer["predictions"] == [client.post("/v1/classify", json={"text": text}).json() for text in texts]


def test_a_body_that_is_not_declared_as_json_is_refused(client):
    response = client.post("/v1/classify", content=b'{"text": "a cat"}', headers={"content-type": "text/plain"})
    refused(response, 422, "invalid_request", "expected the header content-type: application/json")


@pytest.mark.parametrize(
    "text",
    ["\ud800 lone", "nul \x00", "🙂🙃", "\u202e\u0645\u0631\u062d\u0628\u0627", "asdf", "???", "x" * 40_000, "\ud800"],
)
@pytest.mark.parametrize("explain", [False, True])
def test_strange_text_is_answered(text, explain, client):
    response = post(client, "/v1/classify", json.dumps({"text": text, "explain": explain}))
    assert response.status_code == 200
    assert response.json()["truncated"] == (len(text) > 32_768)


@pytest.mark.parametrize(
    ("body", "code", "message", "field"),
    [
        ('{"text": ""}', "invalid_request", "text: is blank; expected a description of a task", "text"),
        ('{"text": " \\n "}', "invalid_request", "text: is blank", "text"),
        ('{"text": 3}', "invalid_request", "text: found int; expected a string", "text"),
        ('{"text": null}', "invalid_request", "text: found NoneType; expected a string", "text"),
        ("{}", "invalid_request", "text: field required", "text"),
        ('{"text": "a", "txt": "b"}', "invalid_request", "txt: extra inputs are not permitted", "txt"),
        (
            '{"text": "a", "threshold": 1.5}',
            "invalid_request",
            "threshold: input should be less than or equal to 1",
            "threshold",
        ),
        (
            '{"text": "a", "threshold": "high"}',
            "invalid_request",
            "threshold: input should be a valid number",
            "threshold",
        ),
        ('{"text": "a", "threshold": NaN}', "invalid_request", "threshold: input should be", "threshold"),
        ('{"text": "a", "explain": 1}', "invalid_request", "explain: input should be a valid boolean", "explain"),
        ("[]", "invalid_request", "body: input should be a valid dictionary", None),
        ("{", "invalid_json", "body: not JSON", None),
        (b'{"text": "\xff"}', "invalid_json", "body: not JSON in UTF-8", None),
        ("[" * 100_000, "invalid_json", "body: not JSON", None),
        ("", "invalid_request", "body: field required", None),
    ],
)
def test_a_bad_body_is_refused_by_field(body, code, message, field, client):
    refused(post(client, "/v1/classify", body), 422, code, message, field)


def test_a_blank_text_of_a_batch_is_refused_by_position(client):
    response = client.post("/v1/classify/batch", json={"texts": ["a cat", " "]})
    refused(response, 422, "invalid_request", "texts[1]: is blank", "texts[1]")


def test_a_batch_over_the_limit_is_refused_with_the_limit(client):
    response = client.post("/v1/classify/batch", json={"texts": ["a"] * 1025})
    refused(response, 422, "invalid_request", "texts: found 1025; expected at most 1024", "texts")
    assert client.post("/v1/classify/batch", json={"texts": ["a"] * 1024}).status_code == 200


def test_an_empty_batch_is_refused(client):
    refused(
        client.post("/v1/classify/batch", json={"texts": []}),
        422,
        "invalid_request",
        "texts: list should have",
        "texts",
    )


def test_a_body_over_the_limit_is_refused(client):
    body = json.dumps({"text": "x" * (1 << 20)})
    refused(post(client, "/v1/classify", body), 413, "body_too_large", "expected at most 1048576")


def test_a_body_over_the_limit_that_hides_its_length_is_refused(client):
    chunks = iter([b"x" * 600_000, b"x" * 600_000])
    refused(post(client, "/v1/classify", chunks), 413, "body_too_large", "expected at most 1048576")


def test_unknown_paths_and_methods_are_refused_in_the_common_form(client):
    refused(client.get("/v1/nothing"), 404, "not_found", "GET /v1/nothing")
    refused(client.get("/v1/classify"), 405, "method_not_allowed", "GET /v1/classify")


def test_the_model_is_described(client, classifier):
    answer = client.get("/v1/model").json()
    assert answer["version"] == classifier.manifest.version
    assert answer["data"]["sha256"] == classifier.manifest.data["sha256"]
    assert answer["thresholds"]["input:image"] == classifier.manifest.thresholds["input:image"]
    assert set(answer["metrics"]) >= {"accuracy", "macro_f1", "ece"}


def test_health_and_readiness(client, classifier):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"ready": True, "model": classifier.manifest.version, "reason": None}


def test_without_a_model_the_service_starts_and_says_how_to_mend_it(tmp_path, caplog):
    with TestClient(create_app(Settings(models=tmp_path))) as client:
        assert client.get("/healthz").status_code == 200
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json()["reason"].endswith("there is no trained model; run `make train`")
        refused(client.post("/v1/classify", json={"text": "a"}), 503, "no_model", "run `make train`")
        refused(client.get("/v1/model"), 503, "no_model", "run `make train`")
    assert "no model loaded" in caplog.text


def test_every_route_is_documented_with_an_example_that_works(client):
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {"/v1/classify", "/v1/classify/batch", "/v1/model", "/healthz", "/readyz"}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert "example" in operation["responses"]["200"]["content"]["application/json"], path
            if method == "post":
                for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
                    assert client.post(path, json=example["value"]).status_code == 200
    assert client.get("/docs").status_code == 200
