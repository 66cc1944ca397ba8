//! Key → partition, for copies whose original partition is unknown or gone.

use serde::{Deserialize, Serialize};

/// The ways to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
pub enum Partitioner {
    /// As kafka-error-retry 2.x: unsigned FNV-1a over the UTF-16 code units of the key.
    #[default]
    #[serde(rename = "2.x")]
    Legacy,
    /// As the Java client.
    #[serde(rename = "murmur2_random")]
    Murmur2Random,
    /// As sarama, kafka-go and librdkafka's `fnv1a`.
    #[serde(rename = "fnv1a")]
    Fnv1a,
    /// As librdkafka's `consistent_random`.
    #[serde(rename = "crc32")]
    Crc32,
}

impl Partitioner {
    /// The partition among `count` (at least 1). Without a key `chance` (any number) decides, since every one is as
    /// good; the empty key is a key, except for `crc32`, where librdkafka takes it as none.
    #[must_use]
    pub fn choose(self, key: Option<&[u8]>, count: u32, chance: u32) -> i32 {
        let count = count.max(1);
        let partition = match (self, key) {
            (_, None) | (Self::Crc32, Some([])) => chance % count,
            (Self::Legacy, Some(key)) => legacy_hash(&String::from_utf8_lossy(key)) % count,
            (Self::Murmur2Random, Some(key)) => (murmur2(key) & 0x7fff_ffff) % count,
            (Self::Fnv1a, Some(key)) => {
                #[expect(clippy::cast_possible_wrap, reason = "the original takes the hash as a signed number")]
                let signed = i64::from(fnv1a(key) as i32) % i64::from(count);
                u32::try_from(signed.abs()).unwrap_or(0)
            }
            (Self::Crc32, Some(key)) => crc32(key) % count,
        };
        i32::try_from(partition).unwrap_or(0)
    }
}

const FNV_OFFSET: u32 = 0x811c_9dc5;
const FNV_PRIME: u32 = 0x0100_0193;

/// fnv-plus with `useUTF8 = false`: every UTF-16 code unit is taken whole.
fn legacy_hash(key: &str) -> u32 {
    key.encode_utf16().fold(FNV_OFFSET, |hash, unit| (hash ^ u32::from(unit)).wrapping_mul(FNV_PRIME))
}

fn fnv1a(key: &[u8]) -> u32 {
    key.iter().fold(FNV_OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV_PRIME))
}

/// CRC-32 (IEEE), bit by bit: a few thousand keys a second are hashed here.
fn crc32(key: &[u8]) -> u32 {
    !key.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// murmur2 as Kafka's Java client has it, with its seed.
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let mut hash = 0x9747_b28c ^ length;
    let (words, rest) = key.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !rest.is_empty() {
        let tail = rest.iter().rev().fold(0, |tail, byte| (tail << 8) | u32::from(*byte));
        hash = (hash ^ tail).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(partitioner: Partitioner, key: &str, count: u32) -> i32 {
        partitioner.choose(Some(key.as_bytes()), count, 0)
    }

    #[test]
    fn two_point_x_vectors() {
        let vectors: [(&str, u32, i32, i32); 10] = [
            ("", 2_166_136_261, 5, 1),
            ("a", 3_826_002_220, 4, 4),
            ("foobar", 3_214_735_720, 0, 4),
            ("test-1", 390_600_139, 3, 7),
            ("order:42", 1_226_683_121, 1, 5),
            ("key-1", 1_474_311_238, 6, 10),
            ("é", 1_812_687_940, 4, 4),
            ("中文", 1_362_277_805, 5, 5),
            ("用户-1", 2_679_548_786, 2, 2),
            ("😀", 3_409_036_472, 0, 8),
        ];
        for (key, hash, of_8, of_12) in vectors {
            assert_eq!(legacy_hash(key), hash, "{key}");
            assert_eq!((at(Partitioner::Legacy, key, 8), at(Partitioner::Legacy, key, 12)), (of_8, of_12), "{key}");
        }
    }

    #[test]
    fn sarama_vectors() {
        for (key, of_3, of_8, of_12) in [("a", 0, 4, 0), ("b", 0, 3, 3), ("user-2", 0, 3, 3), ("中文", 2, 3, 11)] {
            let found = [3, 8, 12].map(|count| at(Partitioner::Fnv1a, key, count));
            assert_eq!(found, [of_3, of_8, of_12], "{key}");
        }
    }

    #[test]
    #[expect(clippy::cast_sign_loss, reason = "the vectors of the Java client are signed")]
    fn java_murmur2_vectors() {
        let vectors: [(&str, i32); 5] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key.as_bytes()), hash as u32, "{key}");
        }
    }

    #[test]
    fn crc32_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn no_key_goes_where_chance_says_and_always_within_the_count() {
        for partitioner in [Partitioner::Legacy, Partitioner::Murmur2Random, Partitioner::Fnv1a, Partitioner::Crc32] {
            assert_eq!(partitioner.choose(None, 3, 7), 1);
            for key in ["", "b", "user-2", "中文"] {
                assert!((0..7).contains(&at(partitioner, key, 7)));
            }
        }
    }
}
