"""The ledger's known errors. Class names are wire text: clients read `Invalid transaction (<Class>): ...`."""

from lamina.kernel.errors import LaminaError


class InvalidRequest(LaminaError):
    """The request cannot be understood."""

    code = "ledger_invalid_request"
    http_status = 400


class UnreadableBody(InvalidRequest):
    """The browser (or proxy) sent a request that this server could not understand."""

    code = "ledger_unreadable_body"


class SchemaValidationError(LaminaError):
    """The document is not a transaction of format 1.0."""

    code = "ledger_schema"
    http_status = 400

    @property
    def message(self) -> str:
        """The wire text (spec/ledger.md 2.1)."""
        return f"Invalid transaction schema: {self.detail}"


class ValidationError(LaminaError):
    """The transaction breaks a rule of the ledger."""

    code = "ledger_validation"
    http_status = 400

    @property
    def message(self) -> str:
        """The wire text (spec/ledger.md 2.2)."""
        return f"Invalid transaction ({type(self).__name__}): {self.detail}"


class InvalidHash(ValidationError):
    """The id is not the hash of the body."""

    code = "ledger_invalid_hash"


class InvalidSignature(ValidationError):
    """Transaction signature is invalid."""

    code = "ledger_invalid_signature"


class ThresholdTooDeep(ValidationError):
    """Conditions are nested too deeply."""

    code = "ledger_threshold_too_deep"

    @property
    def message(self) -> str:
        """The original's text is empty after the colon."""
        return "Invalid transaction (ThresholdTooDeep): "


class AmountError(ValidationError):
    """An amount is out of range, or inputs and outputs differ."""

    code = "ledger_amount"


class InputDoesNotExist(ValidationError):
    """The output to be spent does not exist."""

    code = "ledger_input_does_not_exist"


class TransactionNotInValidBlock(ValidationError):
    """The transaction to be spent is not in a valid block yet."""

    code = "ledger_input_not_valid"


class DoubleSpend(ValidationError):
    """The output was already spent."""

    code = "ledger_double_spend"


class AssetIdMismatch(ValidationError):
    """Inputs and transaction do not concern one asset."""

    code = "ledger_asset_id_mismatch"


class DuplicateTransaction(ValidationError):
    """Block has duplicate transaction"""  # noqa: D415 - the original's text has no full stop

    code = "ledger_duplicate_transaction"


class SybilError(ValidationError):
    """Only federation nodes can create blocks"""  # noqa: D415 - the original's text has no full stop

    code = "ledger_sybil"


class GenesisBlockAlreadyExistsError(ValidationError):
    """Duplicate GENESIS transaction"""  # noqa: D415 - the original's text has no full stop

    code = "ledger_genesis_exists"


class OperationError(LaminaError):
    """The operation is not possible."""

    code = "ledger_operation"
    http_status = 400


class CyclicBlockchainError(LaminaError):
    """A vote names its own block as the previous one, or votes form a circle."""

    code = "ledger_cyclic"


class IntegrityAlarm(LaminaError):
    """The ledger holds what it must never hold (spec/ledger.md 5.6); somebody has to look at once."""

    code = "ledger_integrity"

    def default_hint(self) -> str:
        """Say which command shows the extent."""
        return "Run: lamina ledger verify"


class CriticalDoubleSpend(IntegrityAlarm):
    """An output was spent more than once. There is a problem with the chain."""

    code = "ledger_critical_double_spend"


class CriticalDoubleInclusion(IntegrityAlarm):
    """A transaction is present in multiple valid blocks."""

    code = "ledger_critical_double_inclusion"


class CriticalDuplicateVote(IntegrityAlarm):
    """One node voted twice for one block."""

    code = "ledger_critical_duplicate_vote"


class LedgerConflict(IntegrityAlarm):
    """The shared log contradicts what this node has verified; it votes no more until they agree again."""

    code = "ledger_conflict"

    def default_hint(self) -> str:
        """Say how the log is restored."""
        return (
            "Run: lamina ledger verify; an honest node restores the shared log with: lamina ledger republish"
        )


class KeypairNotFoundException(LaminaError):
    """This node has no key pair."""

    code = "ledger_keypair_not_found"
    exit_code = 3

    def default_hint(self) -> str:
        """The command that makes one."""
        return "Run: lamina ledger configure, or set ledger.keypair_public and ledger.keypair_private"


class FederationWithoutLog(LaminaError):
    """A keyring names other nodes, and there is no log to share with them."""

    code = "ledger_federation_without_log"
    exit_code = 3

    def default_hint(self) -> str:
        """Name the two settings that belong together."""
        return "Set ledger.log_dsn to the PostgreSQL all nodes share, or empty ledger.keyring"


class ForeignChain(LaminaError):
    """The log in this database was begun by another node key."""

    code = "ledger_foreign_chain"
    exit_code = 4

    def default_hint(self) -> str:
        """Say how to get back."""
        return "Restore the node's key pair, or use another database: an existing chain is never taken over."
