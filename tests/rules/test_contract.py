"""The contract in protos/v1 says what the code does: the same numbers, the same names, and a word on everything."""

import re
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_tools import protoc

from bank_service.account_acts import _ACTS as STATUS_ACTS
from gateway_service.banks import LinkStatus
from gateway_service.transfer import FINAL, State
from interbank.instructions import InstructionKind, OutcomeKind
from interbank.orders import Order
from interbank.refusals import Reason
from protos.v1 import bank_pb2, gateway_pb2, money_pb2, network_pb2, order_pb2

ROOT = Path(__file__).parents[2]
MODULES = (bank_pb2, gateway_pb2, money_pb2, network_pb2, order_pb2)

OTHER_WORDS = {*STATUS_ACTS.values(), "ACCOUNT_OPENED", "PASSWORD_SET", "MONEY_ADDED", "SHORTFALL_COVERED"}
"""Capital words of the contract that are kinds of records or of entries."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[FileDescriptorProto]:
    """The contract as the compiler sees it, comments included."""
    compiled = tmp_path_factory.mktemp("contract") / "v1.binpb"
    sources = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "protos" / "v1").glob("*.proto"))]
    arguments = [f"-I{ROOT}", "--include_source_info", f"--descriptor_set_out={compiled}"]
    assert protoc.main(["protoc", *arguments, *sources]) == 0
    return list(FileDescriptorSet.FromString(compiled.read_bytes()).file)


def names_of(enum: object, prefix: str) -> dict[str, int]:
    """A proto enum's values without their prefix and without the one that is never sent."""
    return {
        name.removeprefix(prefix): number
        for name, number in enum.items()  # type: ignore[attr-defined]
        if number != 0
    }


# --- numbers and names


def test_instructions_and_outcomes_have_the_numbers_of_the_wire() -> None:
    assert names_of(bank_pb2.InstructionKind, "INSTRUCTION_KIND_") == {
        kind.name: kind.value for kind in InstructionKind
    }
    assert names_of(bank_pb2.OutcomeKind, "OUTCOME_KIND_") == {kind.name: kind.value for kind in OutcomeKind}


def test_states_have_the_names_of_the_wire() -> None:
    assert names_of(order_pb2.TransferState, "TRANSFER_STATE_").keys() == {state.name for state in State}
    assert all(state.name == state.value for state in State)


def test_links_and_account_statuses_have_the_names_of_the_wire() -> None:
    assert names_of(gateway_pb2.BankLink, "BANK_LINK_").keys() == {status.value for status in LinkStatus}
    assert names_of(bank_pb2.AccountStatus, "ACCOUNT_STATUS_").keys() == STATUS_ACTS.keys()


def test_an_order_has_the_fields_of_the_wire() -> None:
    assert [field.name for field in order_pb2.Order.DESCRIPTOR.fields] == list(Order.__dataclass_fields__)


def test_every_enum_begins_with_a_value_that_is_never_sent() -> None:
    for module in MODULES:
        for enum in module.DESCRIPTOR.enum_types_by_name.values():
            first = enum.values[0]
            assert (first.number, first.name.rpartition("_")[2]) == (0, "UNSPECIFIED"), enum.name


def test_money_is_never_a_float() -> None:
    for module in MODULES:
        for message in module.DESCRIPTOR.message_types_by_name.values():
            for field in message.fields:
                assert field.type not in (field.TYPE_FLOAT, field.TYPE_DOUBLE), field.full_name


# --- what the comments say


def comments(file: FileDescriptorProto) -> dict[tuple[int, ...], str]:
    return {
        tuple(location.path): (location.leading_comments + location.trailing_comments).strip()
        for location in file.source_code_info.location
    }


Named = tuple[str, tuple[int, ...]]


def parts(file: FileDescriptorProto) -> Iterator[Named]:
    """Everything that a reader of the contract meets, with its place in the source."""
    for number, message in enumerate(file.message_type):
        yield from message_parts(message, (4, number))
    for number, enum in enumerate(file.enum_type):
        yield enum.name, (5, number)
        yield from ((value.name, (5, number, 2, place)) for place, value in enumerate(enum.value))
    for number, service in enumerate(file.service):
        yield service.name, (6, number)
        yield from ((method.name, (6, number, 2, place)) for place, method in enumerate(service.method))


def message_parts(message: DescriptorProto, path: tuple[int, ...]) -> Iterator[Named]:
    yield message.name, path
    synthetic = {field.oneof_index for field in message.field if field.proto3_optional}
    for place, field in enumerate(message.field):
        yield f"{message.name}.{field.name}", (*path, 2, place)
    for place, oneof in enumerate(message.oneof_decl):
        if place not in synthetic:
            yield f"{message.name}.{oneof.name}", (*path, 8, place)
    for place, nested in enumerate(message.nested_type):
        yield from message_parts(nested, (*path, 3, place))
    assert not message.enum_type, "an enum inside a message has no place in these tests yet"


def test_everything_in_the_contract_is_explained(files: list[FileDescriptorProto]) -> None:
    silent = []
    for file in files:
        said = comments(file)
        silent += [f"{file.name}: {name}" for name, path in parts(file) if len(said.get(path, "")) < 4]
        assert said[12,], f"{file.name} does not say what it is"
    assert silent == []


def test_every_reason_that_the_contract_names_exists(files: list[FileDescriptorProto]) -> None:
    kinds = {kind.name for kind in (*OutcomeKind, *InstructionKind, *State, *grpc.StatusCode)}
    known = set(Reason.__members__) | OTHER_WORDS | kinds
    strangers = {
        word
        for file in files
        for text in comments(file).values()
        for word in re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", text)
        if word not in known
    }
    assert strangers == set()


def test_the_contract_says_which_states_are_final(files: list[FileDescriptorProto]) -> None:
    (file,) = (file for file in files if file.name.endswith("order.proto"))
    said = comments(file)
    (enum,) = (number for number, enum in enumerate(file.enum_type) if enum.name == "TransferState")
    values = file.enum_type[enum].value
    finals = {v.name for place, v in enumerate(values) if said[5, enum, 2, place].startswith(("Final:", "Final "))}
    assert finals == {f"TRANSFER_STATE_{state.name}" for state in FINAL}


def test_what_is_compiled_is_what_stands_in_the_sources(files: list[FileDescriptorProto]) -> None:
    for file in files:
        (module,) = (module for module in MODULES if module.DESCRIPTOR.name == file.name)
        generated = FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        assert generated == bare(file), "generated code is old: make compile"


def bare(file: FileDescriptorProto) -> FileDescriptorProto:
    """A file without what the compiler leaves out of generated code."""
    copied = FileDescriptorProto.FromString(file.SerializeToString())
    copied.ClearField("source_code_info")
    for message in copied.message_type:
        for field in message.field:
            field.ClearField("json_name")
    return copied
