//! The AWS SDK for Rust as its users write it: one story, told as JSON.

use std::error::Error;

use aws_config::BehaviorVersion;
use aws_sdk_kms::Client;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeySpec, KeyState, KeyUsageType, MacAlgorithmSpec, MessageType, SigningAlgorithmSpec, Tag};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let client = Client::new(&aws_config::load_defaults(BehaviorVersion::latest()).await);
    let mut told = Map::new();
    ciphers(&client, &mut told).await?;
    signatures(&client, &mut told).await?;
    macs(&client, &mut told).await?;
    println!("{}", Value::Object(told));
    Ok(())
}

async fn ciphers(client: &Client, told: &mut Map<String, Value>) -> Outcome {
    let mut create = client.create_key().description("of Rust");
    for name in ["one", "two", "three"] {
        create = create.tags(Tag::builder().tag_key(name).tag_value("x").build()?);
    }
    let made = create.send().await?.key_metadata.ok_or("no metadata")?;
    let key = made.key_id();
    let alias = format!("alias/of-rust-{}", &key[..8]);
    client.create_alias().alias_name(&alias).target_key_id(key).send().await?;
    let described = client.describe_key().key_id(&alias).send().await?.key_metadata.ok_or("no metadata")?;
    let same = described.arn() == made.arn() && described.key_state() == Some(&KeyState::Enabled);
    told.insert("described".into(), same.into());

    let mut pages = client.list_resource_tags().key_id(key).limit(1).into_paginator().send();
    let mut found = 0;
    while let Some(page) = pages.next().await {
        found += page?.tags().len();
    }
    told.insert("tags".into(), found.into());

    let foreign = Blob::new(BASE64_STANDARD.decode(std::env::var("SEALED")?)?);
    let opened = client.decrypt().ciphertext_blob(foreign).encryption_context("tenant", "a").send().await?;
    told.insert("opened".into(), String::from_utf8(bytes(opened.plaintext()))?.into());
    let plaintext = Blob::new("from Rust");
    let encrypt = client.encrypt().key_id(&alias).plaintext(plaintext.clone()).encryption_context("tenant", "a");
    let sealed = encrypt.send().await?.ciphertext_blob.ok_or("no ciphertext")?;
    told.insert("sealed".into(), text(Some(&sealed)));
    let refusal = client.decrypt().ciphertext_blob(sealed).send().await;
    told.insert("refused".into(), refused(refusal, |error| error.is_invalid_ciphertext_exception())?);

    let fresh = client.generate_data_key().key_id(&alias).key_spec(DataKeySpec::Aes256).send().await?;
    let again = client.decrypt().set_ciphertext_blob(fresh.ciphertext_blob.clone()).send().await?;
    let same = bytes(fresh.plaintext()).len() == 32 && fresh.plaintext() == again.plaintext();
    told.insert("dataKey".into(), same.into());

    client.disable_key().key_id(key).send().await?;
    let refusal = client.encrypt().key_id(&alias).plaintext(plaintext).send().await;
    told.insert("disabled".into(), refused(refusal, |error| error.is_disabled_exception())?);
    client.enable_key().key_id(key).send().await?;
    let refusal = client.describe_key().key_id("alias/nowhere").send().await;
    told.insert("absent".into(), refused(refusal, |error| error.is_not_found_exception())?);
    Ok(())
}

async fn signatures(client: &Client, told: &mut Map<String, Value>) -> Outcome {
    let create = client.create_key().key_spec(KeySpec::EccNistP256).key_usage(KeyUsageType::SignVerify);
    let made = create.send().await?.key_metadata.ok_or("no metadata")?;
    let digest = Blob::new(Sha256::digest(b"a message").to_vec());
    let sign = client.sign().key_id(made.key_id()).message(digest).message_type(MessageType::Digest);
    let signed = sign.signing_algorithm(SigningAlgorithmSpec::EcdsaSha256).send().await?;
    told.insert("signature".into(), text(signed.signature()));
    let public = client.get_public_key().key_id(made.key_id()).send().await?;
    told.insert("publicKey".into(), text(public.public_key()));
    Ok(())
}

async fn macs(client: &Client, told: &mut Map<String, Value>) -> Outcome {
    let create = client.create_key().key_spec(KeySpec::Hmac256).key_usage(KeyUsageType::GenerateVerifyMac);
    let made = create.send().await?.key_metadata.ok_or("no metadata")?;
    let algorithm = MacAlgorithmSpec::HmacSha256;
    let generate = client.generate_mac().key_id(made.key_id()).message(Blob::new("a message"));
    let mac = generate.mac_algorithm(algorithm.clone()).send().await?;
    let verify = client.verify_mac().key_id(made.key_id()).message(Blob::new("another"));
    let refusal = verify.set_mac(mac.mac).mac_algorithm(algorithm).send().await;
    told.insert("mac".into(), refused(refusal, |error| error.is_kms_invalid_mac_exception())?);
    Ok(())
}

/// AWS's name of a refusal, where it is the SDK's own variant for it.
fn refused<T, E>(answer: Result<T, SdkError<E>>, is_expected: impl Fn(&E) -> bool) -> Result<Value, Box<dyn Error>>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let error = answer.err().ok_or("not refused")?;
    match error.as_service_error() {
        Some(refusal) if is_expected(refusal) => Ok(refusal.code().into()),
        _ => Err(format!("{error:?}").into()),
    }
}

fn bytes(blob: Option<&Blob>) -> Vec<u8> {
    blob.map(|each| each.as_ref().to_vec()).unwrap_or_default()
}

fn text(blob: Option<&Blob>) -> Value {
    BASE64_STANDARD.encode(bytes(blob)).into()
}
