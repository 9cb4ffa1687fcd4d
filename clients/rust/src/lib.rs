//! Reaches a Region over mutual TLS, and reads its refusals by AWS's names. The calls are those of [`kms::v1`], and of [`batch::v1`]
//! for many in one message.

use std::path::PathBuf;
use std::{env, fmt, fs, io};

use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic_types::StatusExt;

/// The operations of AWS KMS.
pub mod kms {
    #[allow(clippy::all, clippy::pedantic, missing_docs)]
    #[rustfmt::skip]
    pub mod v1 {
        include!("gen/meridian/kms/v1/meridian.kms.v1.rs");
    }
}

/// Many calls in few messages.
pub mod batch {
    #[allow(clippy::all, clippy::pedantic, missing_docs)]
    #[rustfmt::skip]
    pub mod v1 {
        include!("gen/meridian/batch/v1/meridian.batch.v1.rs");
    }
}

const DOMAIN: &str = "kms.meridian";

/// One Region's address, `host:port`, and the PEM files that prove it and its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub target: String,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

impl Endpoint {
    /// What `MERIDIAN_ENDPOINT`, `MERIDIAN_CA`, `MERIDIAN_CERTIFICATE` and `MERIDIAN_PRIVATE_KEY` name.
    ///
    /// # Errors
    ///
    /// Names the variable that is not there.
    pub fn from_environment() -> io::Result<Self> {
        let read = |name: &str| env::var(name).map_err(|fault| io::Error::other(format!("{name}: {fault}")));
        Ok(Self {
            target: read("MERIDIAN_ENDPOINT")?,
            ca: read("MERIDIAN_CA")?.into(),
            certificate: read("MERIDIAN_CERTIFICATE")?.into(),
            private_key: read("MERIDIAN_PRIVATE_KEY")?.into(),
        })
    }

    /// A connection; `EncryptionServiceClient::new` and its like take it, and its clones are the same one. Nothing is sent before the
    /// first call, which needs a runtime of tokio, as this does.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or is not what it should be.
    pub fn connect(&self) -> io::Result<Channel> {
        let read = |path: &PathBuf| fs::read(path).map_err(|fault| io::Error::other(format!("{}: {fault}", path.display())));
        let proof = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(read(&self.ca)?))
            .identity(Identity::from_pem(read(&self.certificate)?, read(&self.private_key)?));
        let address = Channel::from_shared(format!("https://{}", self.target)).map_err(io::Error::other)?;
        Ok(address.tls_config(proof).map_err(io::Error::other)?.connect_lazy())
    }
}

/// A refusal of a Region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Of the exception, as AWS has it.
    pub name: String,
    pub message: String,
    /// Under which the Region's audit log has the call.
    pub request_id: String,
}

impl Refusal {
    /// The refusal in the status of a call; `None` where no Region answered.
    #[must_use]
    pub fn of(status: &tonic::Status) -> Option<Self> {
        let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN)?;
        let request_id = info.metadata.get("request_id").cloned().unwrap_or_default();
        Some(Self { name: info.reason, message: status.message().to_owned(), request_id })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for Refusal {}
