import { describe, expect, it } from 'vitest'
import { acceptClass, outputType } from './negotiate.ts'

const ALL = new Set(['avif', 'webp', 'jpeg', 'png'] as const)
const NO_AVIF = new Set(['webp', 'jpeg', 'png'] as const)
const CHROME = 'image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8'

describe('format negotiation', () => {
  it.each([
    [CHROME, 'avif', 'webp'],
    ['image/webp,*/*', 'webp', 'webp'],
    ['IMAGE/WEBP ; q=0.5', 'webp', 'webp'],
    ['image/webp;q=0, image/png', 'plain', 'plain'],
    ['image/avif;q=0.0,image/webp', 'webp', 'webp'],
    ['image/*,*/*;q=0.8', 'plain', 'plain'],
    ['', 'plain', 'plain'],
    [undefined, 'plain', 'plain'],
  ])('normalises %s to %s, without AVIF to %s', (accept, withAvif, withoutAvif) => {
    expect(acceptClass(accept, ALL)).toBe(withAvif)
    expect(acceptClass(accept, NO_AVIF)).toBe(withoutAvif)
  })

  it('answers transparency as PNG where nothing modern is accepted', () => {
    expect(outputType('auto', 'plain', true, NO_AVIF)).toBe('png')
    expect(outputType('auto', 'plain', false, NO_AVIF)).toBe('jpeg')
    expect(outputType('auto', 'webp', true, NO_AVIF)).toBe('webp')
  })

  it('falls back to WebP where AVIF was asked for and is not offered', () => {
    expect(outputType('avif', 'plain', false, NO_AVIF)).toBe('webp')
    expect(outputType('avif', 'plain', false, ALL)).toBe('avif')
  })
})
