//! [pure] A recipe in a message: its texts, each behind its length.

use bytes::{BufMut as _, Bytes};

use super::{
    ProtocolError,
    field::{flag, put_text, text},
};
use crate::worker::Recipe;

pub(super) fn put_recipe(fields: &mut Vec<u8>, recipe: &Recipe) -> Option<()> {
    for text in [
        &recipe.decoder,
        &recipe.scaler,
        &recipe.pictures,
        &recipe.encoder,
        &recipe.coded,
    ] {
        put_text(fields, text)?;
    }
    fields.put_u8(recipe.maps_device.into());
    Some(())
}

pub(super) fn recipe(frame: &mut Bytes) -> Result<Recipe, ProtocolError> {
    Ok(Recipe {
        decoder: text(frame)?,
        scaler: text(frame)?,
        pictures: text(frame)?,
        encoder: text(frame)?,
        coded: text(frame)?,
        maps_device: flag(frame)?,
    })
}
