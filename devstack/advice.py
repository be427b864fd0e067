"""What the person at the terminal is told: a call, ready to paste, and what to do where something was refused."""

import errno
import shlex
import shutil
from pathlib import Path

from devstack.stack_settings import StackSettings

_BUF = "tools/buf/node_modules/.bin/buf"  # as in the Makefile


def call_to_paste(settings: StackSettings, *, key: str) -> str:
    """Return a call that works as it is pasted, in the folder of the Makefile: by buf where it can be had."""
    request = '{"player_id": 42, "currency_network_id": 1}'
    if not (Path(_BUF).exists() or shutil.which("npm")):
        data_dir = shlex.quote(str(settings.data_dir))
        return f"WALLET_DATA_DIR={data_dir} \\\n  .venv/bin/python -m devstack call GetBalance '{request}'"
    return (
        f"make -s {_BUF} && {_BUF} curl \\\n"
        "  --protocol grpc --http2-prior-knowledge \\\n"
        f'  -H "authorization: Bearer {key}" \\\n'
        f"  -d '{request}' \\\n"
        f"  http://{settings.grpc_address}/wallet.v1.WalletService/GetBalance"
    )


def advice_on(error: OSError, data_dir: Path) -> str:
    """Tell what the operating system refused, and what to do."""
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            advice = "Make room there"
        case errno.EMFILE | errno.ENFILE:
            advice = "Raise the limit of open files (ulimit -n)"
        case errno.EACCES | errno.EPERM | errno.EROFS | errno.ENOTDIR | errno.EEXIST:
            advice = f"The data folder is {data_dir}: it must be yours to write"
        case _:
            return f"{what}. The data folder is {data_dir}; WALLET_DATA_DIR sets another one."
    return f"{what}. {advice}, or set WALLET_DATA_DIR to another folder."
