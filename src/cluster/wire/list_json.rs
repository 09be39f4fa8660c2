//! JSON lists: the members of one document, its `items` one by one. Takes metadata lists and full lists alike.

use super::json::{Item, ListMeta, Value, blanks, expect_list, parse};
use super::list::{ListEnd, ListPart};
use super::{MAX_JSON_ITEM, WireError};

/// Largest member of a list that is read and is not an item.
const MAX_MEMBER: usize = 64 << 10;

#[derive(Default)]
pub(super) struct JsonList {
    place: Place,
    value: Value,
    kind: Option<String>,
    end: ListEnd,
    listed: bool,
}

/// What comes next, blanks aside.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// `{`
    #[default]
    Document,
    /// The first key, or `}`.
    FirstKey,
    Key,
    Colon(Member),
    Value(Member),
    /// `,` or `}`
    AfterValue,
    /// The first item, or `]`.
    FirstItem,
    Item,
    /// `,` or `]`
    AfterItem,
    /// Nothing more.
    End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Kind,
    Metadata,
    Items,
    Other,
}

impl JsonList {
    pub(super) fn push(&mut self, mut bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<(), WireError> {
        loop {
            if !self.value.is_open() {
                bytes = &bytes[blanks(bytes)..];
            }
            let Some(&first) = bytes.first() else { return Ok(()) };
            bytes = &bytes[self.step(first, bytes, sink)?..];
        }
    }

    pub(super) fn finish(self) -> Result<ListEnd, WireError> {
        if self.place != Place::End {
            return Err(WireError::Truncated("a list"));
        }
        // `{"items": []}` of something in between is no list that empties a kind.
        let unnamed =
            || WireError::Unexpected { expected: "a list", found: "something without a kind".to_owned() };
        expect_list(self.kind.as_ref().ok_or_else(unnamed)?)?;
        if !self.listed {
            return Err(WireError::Unexpected {
                expected: "a list",
                found: "something without items".to_owned(),
            });
        }
        Ok(self.end)
    }

    fn step(&mut self, first: u8, bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<usize, WireError> {
        self.place = match (self.place, first) {
            (Place::Document, b'{') => Place::FirstKey,
            (Place::FirstKey | Place::AfterValue, b'}') if !self.value.is_open() => Place::End,
            (Place::FirstKey | Place::Key, _) => return self.key(bytes),
            (Place::Colon(member), b':') => Place::Value(member),
            (Place::Value(Member::Items), b'[') if !self.value.is_open() => {
                self.begin_items()?;
                Place::FirstItem
            }
            (Place::Value(member), _) => return self.member(member, bytes, sink),
            (Place::AfterValue, b',') => Place::Key,
            (Place::FirstItem | Place::AfterItem, b']') if !self.value.is_open() => Place::AfterValue,
            (Place::AfterItem, b',') => Place::Item,
            (Place::FirstItem | Place::Item, _) => return self.item(bytes, sink),
            _ => return Err(WireError::Malformed("a list that is not JSON")),
        };
        Ok(1)
    }

    fn key(&mut self, bytes: &[u8]) -> Result<usize, WireError> {
        let (used, member) = self.value.take(bytes, MAX_MEMBER, "a member's name", |key| {
            Ok(match parse::<String>(key, "a member's name")?.as_str() {
                "kind" => Member::Kind,
                "metadata" => Member::Metadata,
                "items" => Member::Items,
                _ => Member::Other,
            })
        })?;
        if let Some(member) = member {
            self.place = Place::Colon(member);
        } else {
            self.place = Place::Key;
        }
        Ok(used)
    }

    fn member(
        &mut self,
        member: Member,
        bytes: &[u8],
        sink: &mut dyn FnMut(ListPart),
    ) -> Result<usize, WireError> {
        let (used, complete) = match member {
            Member::Kind => {
                let (used, kind) = self.value.take(bytes, MAX_MEMBER, "a list's kind", |kind| {
                    parse::<Option<String>>(kind, "a list's kind")
                })?;
                self.kind = kind.clone().flatten().or(self.kind.take());
                (used, kind.is_some())
            }
            Member::Metadata => {
                let (used, meta) = self.value.take(bytes, MAX_MEMBER, "a list's metadata", |meta| {
                    parse::<Option<ListMeta>>(meta, "a list's metadata")
                })?;
                let complete = meta.is_some();
                if let Some(Some(meta)) = meta {
                    self.end = meta.into();
                    if !self.end.resource_version.is_empty() {
                        sink(ListPart::Version(self.end.resource_version.clone()));
                    }
                }
                (used, complete)
            }
            // Go writes an empty list as null here and there.
            Member::Items => {
                let (used, nothing) = self.value.take(bytes, MAX_MEMBER, "a list's items", |items| {
                    parse::<()>(items, "a list's items")
                })?;
                if nothing.is_some() {
                    self.begin_items()?;
                }
                (used, nothing.is_some())
            }
            Member::Other => self.value.skip(bytes)?,
        };
        if complete {
            self.place = Place::AfterValue;
        }
        Ok(used)
    }

    fn begin_items(&mut self) -> Result<(), WireError> {
        if std::mem::replace(&mut self.listed, true) {
            return Err(WireError::Malformed("two lists in one answer"));
        }
        Ok(())
    }

    fn item(&mut self, bytes: &[u8], sink: &mut dyn FnMut(ListPart)) -> Result<usize, WireError> {
        let (used, object) = self.value.take(bytes, MAX_JSON_ITEM, "an item", |item| {
            parse::<Item>(item, "an item").and_then(Item::object)
        })?;
        self.place = match object {
            Some(object) => {
                sink(ListPart::Item(Box::new(object)));
                Place::AfterItem
            }
            None => Place::Item,
        };
        Ok(used)
    }
}
