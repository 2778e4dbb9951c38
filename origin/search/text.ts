/**
 * Text as it is compared: folded and cut into words here, before any engine sees it, so that every engine finds the same.
 * Compatibility forms, case and accents are folded (Unicode NFKD without marks), and a few letters that do not decompose.
 */

const LETTERS: Readonly<Record<string, string>> = Object.freeze({
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  þ: 'th',
  ł: 'l',
  ı: 'i',
})

/** Longer words are cut: nobody types them, and engines limit their terms. */
const WORD_LENGTH = 64

/** A text with more words is indexed by its first ones: a caption has 2,200 characters. */
const MAX_WORDS = 400

export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[ßæœøđðþłı]/g, (letter) => LETTERS[letter] ?? letter)
}

/** The words of a text, folded, each once, in order of appearance. */
export function wordsOf(text: string): string[] {
  const words = new Set<string>()
  for (const [word] of fold(text).matchAll(/[\p{L}\p{N}]+/gu)) {
    words.add([...word].slice(0, WORD_LENGTH).join(''))
    if (words.size === MAX_WORDS) break
  }
  return [...words]
}
