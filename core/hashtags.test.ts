import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MAX_HASHTAGS, normaliseHashtag, parseHashtags } from './hashtags.ts'

describe('hashtags of a caption', () => {
  it.each([
    ['Morning at the #Harbour, #harbour again', ['harbour']],
    ['#größe #日本語 #हिन्दी #عربى #ΆΝΟΙΞΗ', ['größe', '日本語', 'हिन्दी', 'عربى', 'άνοιξη']],
    ['full width ＃ｔｉｄｅ', ['tide']],
    ['#one#two', ['one']],
    ['#1 place, #2024vision, #_', ['2024vision']],
    ['a#b &#39; https://x.y/#frag ##no', []],
    ['(#brackets) "#quotes" #end.', ['brackets', 'quotes', 'end']],
    ['', []],
  ])('reads %j', (caption, tags) => {
    expect(parseHashtags(caption)).toEqual(tags)
  })

  it('stops at a bounded number and passes over tags that are too long', () => {
    const many = Array.from({ length: 50 }, (_, i) => `#tag${i}`).join(' ')
    expect(parseHashtags(many)).toHaveLength(MAX_HASHTAGS)
    expect(parseHashtags(`#${'a'.repeat(101)}`)).toEqual([])
  })

  it('finds normalised tags again, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (caption) => {
        for (const tag of parseHashtags(caption)) {
          expect(tag).toBe(normaliseHashtag(tag))
          expect(tag).not.toMatch(/[\s#]/u)
        }
      }),
    )
  })
})
