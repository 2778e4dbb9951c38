/** Hashtags of a caption, as Instagram and UTS #31 understand them: letters, marks, digits and underscores of any script. */

/** More tags than this are spam; the rest of the caption stays as it is. */
export const MAX_HASHTAGS = 30
const MAX_TAG_LENGTH = 100

// A tag starts after something that is no word character, `&` (entities) or `/` (fragments of addresses), and has at
// least one character that is no digit: "#1" counts something.
const TAG = /(?<![\p{L}\p{M}\p{N}_&/#])[#＃]([\p{L}\p{M}\p{N}_\u200c\u200d]+)/gu
const NOT_ONLY_DIGITS = /[^\p{N}_\u200c\u200d]/u

/** The tag's one spelling: compatibility forms folded, lower case. */
export function normaliseHashtag(tag: string): string {
  return tag
    .normalize('NFKC')
    .toLowerCase()
    .replace(/^[#＃]/, '')
}

/** The tags of a caption in order of appearance, each once, normalised, without `#`; at most MAX_HASHTAGS. */
export function parseHashtags(caption: string): string[] {
  const tags = new Set<string>()
  for (const [, text = ''] of caption.matchAll(TAG)) {
    const tag = normaliseHashtag(text)
    if (!NOT_ONLY_DIGITS.test(tag) || tag.length > MAX_TAG_LENGTH) continue
    tags.add(tag)
    if (tags.size === MAX_HASHTAGS) break
  }
  return [...tags]
}
