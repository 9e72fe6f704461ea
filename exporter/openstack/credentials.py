"""How to log in to a cloud: its configuration, and clouds.yaml as openstacksdk reads it. Reads files."""

import warnings
from pathlib import Path
from typing import Any

from keystoneauth1 import exceptions as keystone_errors
from openstack import exceptions as sdk_errors
from openstack.config import OpenStackConfig

from exporter.config import Cloud, Tls
from exporter.errors import ConfigError


def settings(cloud: Cloud, region: str | None) -> Any:
    """The SDK's view of the cloud, with the authentication plugin made. Raises ConfigError."""
    try:
        with warnings.catch_warnings():
            # The SDK warns of what will be removed from itself, which an operator cannot change.
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            if cloud.cloud:
                files = [str(cloud.clouds_file)] if cloud.clouds_file else None
                return OpenStackConfig(config_files=files).get_one(cloud=cloud.cloud, region_name=region)
            config = OpenStackConfig(load_yaml_config=False, load_envvars=False)
            return config.get_one(region_name=region, **_credentials(cloud))
    except (sdk_errors.ConfigException, keystone_errors.ClientException, OSError) as error:
        raise ConfigError(f"cloud {cloud.name}: {error}; check clouds.yaml and the credentials") from error


def _credentials(cloud: Cloud) -> dict[str, Any]:
    if cloud.application_credential_id:
        plugin, secret = "v3applicationcredential", cloud.secret
        auth = {"application_credential_id": cloud.application_credential_id}
    else:
        plugin, secret = "v3password", cloud.password
        auth = {
            "username": cloud.username,
            "user_domain_name": cloud.user_domain_name,
            "project_name": cloud.project_name,
            "project_domain_name": cloud.project_domain_name,
        }
    if secret is None:
        raise ConfigError(f"cloud {cloud.name}: no password or secret; set password_file or secret_file")
    key = "password" if plugin == "v3password" else "application_credential_secret"
    return {"auth_type": plugin, "auth": {"auth_url": cloud.auth_url, **auth, key: secret.reveal()}}


def trust(region: Any) -> Tls:
    """What clouds.yaml says of TLS."""
    verify, cert = region.get_requests_verify_args()
    cert, key = cert if isinstance(cert, tuple) else (cert, None)
    return Tls(
        ca_file=Path(verify) if isinstance(verify, str) else None,
        client_cert=Path(cert) if cert else None,
        client_key=Path(key) if key else None,
        insecure=verify is False,
    )
