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
  ħ: 'h',
  ŧ: 't',
  ŋ: 'n',
  ς: 'σ',
})

/** Longer words are cut: nobody types them, and engines limit their terms. */
const WORD_LENGTH = 64

/** A text with more words is indexed by its first ones. A caption has 2,200 characters; only without spaces are so many words in it. */
const MAX_WORDS = 1_000

/** Scripts that are written without spaces between words. (Korean has spaces; its syllables fold to letters.) */
const UNSPACED =
  '[[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Bopo}\\p{scx=Thai}\\p{scx=Laoo}\\p{scx=Khmr}\\p{scx=Mymr}]&&[\\p{L}\\p{N}]]'
/** In this order: a run of an unspaced script, a word of any other, an emoji. */
const RUN = new RegExp(
  `(?<unspaced>${UNSPACED}+)|[[\\p{L}\\p{N}]--${UNSPACED}]+|\\p{RI}{2}|\\p{Extended_Pictographic}`,
  'gv',
)

export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[ßæœøđðþłıħŧŋς]/g, (letter) => LETTERS[letter] ?? letter)
}

/**
 * The words of a text, folded, each once, in order of appearance. Where no spaces tell words apart, every two neighbours are
 * a word (bigrams, as search engines cut Chinese and Japanese), and the last character of a run alone is another: so every
 * character begins a word. Emoji are words, too.
 */
export function wordsOf(text: string): string[] {
  return distinctWords(text, (run) => [...bigrams(run), run.at(-1) ?? ''])
}

/** As `wordsOf`, for a query: a run is asked for by its bigrams only, since it may go on in the text that is meant. */
export function queryWordsOf(text: string): string[] {
  return distinctWords(text, (run) => (run.length === 1 ? run : bigrams(run)))
}

function distinctWords(text: string, cut: (run: string[]) => string[]): string[] {
  const words = new Set<string>()
  for (const match of fold(text).matchAll(RUN)) {
    const run = [...match[0]]
    for (const word of match.groups?.unspaced ? cut(run) : [run.slice(0, WORD_LENGTH).join('')]) {
      words.add(word)
      if (words.size === MAX_WORDS) return [...words]
    }
  }
  return [...words]
}

const bigrams = (run: string[]) => run.slice(1).map((character, i) => `${run[i]}${character}`)
