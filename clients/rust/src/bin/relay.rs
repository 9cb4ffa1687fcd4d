//! Opens what another client sealed and seals something for the next one, over a Region: one JSON object on standard output.

use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use meridian_client::kms::v1::encryption_service_client::EncryptionServiceClient;
use meridian_client::kms::v1::{DecryptRequest, EncryptRequest};
use meridian_client::{Endpoint, Refusal};
use serde_json::json;
use tonic::Request;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut kms = EncryptionServiceClient::new(Endpoint::from_environment()?.connect()?);
    let blob = BASE64_STANDARD.decode(env::var("SEALED")?)?;
    let tenant = HashMap::from([("tenant".to_owned(), "a".to_owned())]);
    let decrypt = DecryptRequest { ciphertext_blob: blob.into(), ..Default::default() };

    let in_context = DecryptRequest { encryption_context: tenant.clone(), ..decrypt.clone() };
    let opened = kms.decrypt(timed(in_context)).await?.into_inner();
    let encrypt = EncryptRequest {
        key_id: Some(env::var("KEY_ID")?),
        plaintext: Some(b"from Rust".to_vec()),
        encryption_context: tenant,
        ..Default::default()
    };
    let sealed = kms.encrypt(timed(encrypt)).await?.into_inner();
    let status = kms.decrypt(timed(decrypt)).await.err().ok_or("a ciphertext was opened without its context")?;
    let refused = Refusal::of(&status).ok_or(status)?;
    let told = json!({
        "opened": String::from_utf8(opened.plaintext.unwrap_or_default())?,
        "sealed": BASE64_STANDARD.encode(sealed.ciphertext_blob()),
        "refused": refused.name,
        "requestId": refused.request_id,
    });
    println!("{told}");
    Ok(())
}

fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}
