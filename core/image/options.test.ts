import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Problem } from '../problem.ts'
import {
  canonicalOptions,
  FITS,
  FORMATS,
  formatOptions,
  type ImageOptions,
  PRESET_WIDTHS,
  parseOptions,
  presetNameOf,
} from './options.ts'

const pixels = fc.integer({ min: 1, max: 2048 })
const share = fc.integer({ min: 0, max: 100 }).map((hundredths) => hundredths / 100)
const side = fc.option(pixels, { nil: undefined })

/** Any options that a client can mean, in their canonical form. */
const anyOptions: fc.Arbitrary<ImageOptions> = fc
  .record({
    width: side,
    height: side,
    fit: fc.constantFrom(...FITS),
    gravity: fc.record({ x: share, y: share }),
    quality: fc.integer({ min: 1, max: 100 }),
    format: fc.constantFrom(...FORMATS),
    background: fc.stringMatching(/^[0-9a-f]{6}$/),
  })
  .map(({ width, height, ...rest }) =>
    canonicalOptions({ ...rest, ...(width ? { width } : {}), ...(height ? { height } : {}) }),
  )

/** The same options written in some other way: other order, long names, other words. */
const spelling = (options: ImageOptions) =>
  fc
    .record({ long: fc.boolean(), keys: fc.integer({ min: 0, max: 5039 }), noise: fc.boolean() })
    .map(({ long, keys, noise }) => {
      const parts = [
        `${long ? 'quality' : 'q'}=${options.quality}`,
        `${long ? 'format' : 'f'}=${options.format}`,
        `fit=${options.fit === 'scale-down' ? 'contain' : options.fit}`,
        `${long ? 'gravity' : 'g'}=${options.gravity.x}x${options.gravity.y}`,
        `background=#${options.background.toUpperCase()}`,
        ...(options.width === undefined ? [] : [`${long ? 'width' : 'w'}=${options.width}`]),
        ...(options.height === undefined ? [] : [`${long ? 'height' : 'h'}=${options.height}`]),
        ...(noise ? ['anim=false', 'metadata=none', 'dpr=1'] : []),
      ]
      return parts.sort((a, b) => ((a.length * keys) % 7) - ((b.length * keys) % 7)).join(',')
    })

const refused = (text: string) => {
  try {
    parseOptions(text)
  } catch (fault) {
    if (fault instanceof Problem) return fault
  }
  throw new Error(`${text} was let through`)
}

describe('image options', () => {
  it('read back what they write', () => {
    fc.assert(
      fc.property(anyOptions, (options) => {
        expect(parseOptions(formatOptions(options))).toEqual(options)
      }),
    )
  })

  it('have one canonical spelling, however they were spelled', () => {
    const spelled = anyOptions.chain((options) => spelling(options).map((text) => ({ options, text })))
    fc.assert(
      fc.property(spelled, ({ options, text }) => {
        expect(formatOptions(parseOptions(text))).toBe(formatOptions(options))
      }),
    )
  })

  it('are equal where their spellings are equal', () => {
    fc.assert(
      fc.property(anyOptions, anyOptions, (a, b) => {
        if (formatOptions(a) === formatOptions(b)) expect(a).toEqual(b)
      }),
    )
  })

  it('multiply the device pixel ratio into the box', () => {
    expect(formatOptions(parseOptions('w=320,dpr=2'))).toBe('medium')
    expect(formatOptions(parseOptions('w=101,h=50,dpr=1.5,fit=cover'))).toBe('w=152,h=75,fit=cover')
  })

  it.each([
    ['thumb', 'thumb'],
    ['150', 'thumb'],
    ['width=640', 'medium'],
    ['w=640,f=auto,q=75', 'medium'],
    ['w=640,fit=cover', 'medium'],
    ['480', '480'],
    ['w=480', '480'],
    ['w=641', 'w=641'],
    ['q=low,w=640', 'w=640,q=35'],
    ['w=10,h=10,fit=crop,g=left', 'w=10,h=10,fit=crop,g=left'],
    ['w=10,h=10,fit=crop,g=0x0.5', 'w=10,h=10,fit=crop,g=left'],
    ['f=png,q=20,w=9', 'w=9,f=png'],
    ['background=fff,w=9', 'w=9'],
    ['q=75', 'f=auto'],
  ])('write %s as %s', (written, canonical) => {
    expect(formatOptions(parseOptions(written))).toBe(canonical)
  })

  it('name every allowed width a preset, and nothing else', () => {
    expect(PRESET_WIDTHS).toEqual([150, 320, 480, 640, 750, 1080, 1440, 2048])
    for (const width of PRESET_WIDTHS) expect(presetNameOf(parseOptions(`w=${width}`))).toBeDefined()
    fc.assert(
      fc.property(anyOptions, (options) => {
        if (presetNameOf(options)) expect(PRESET_WIDTHS).toContain(options.width)
        if (presetNameOf(options)) expect(formatOptions(options)).not.toContain('=')
      }),
    )
  })

  it.each([
    '',
    'w',
    'w=',
    '=5',
    'w=0',
    'w=2049',
    'w=1e3',
    'w=-5',
    'w=12.5',
    'w=auto',
    'w=1025,dpr=2',
    'dpr=4,w=10',
    'dpr=0.5,w=10',
    'w=10,w=10',
    'w=10,width=10',
    'w=10, h=10',
    'q=0',
    'q=101',
    'q=high-ish',
    'f=gif',
    'f=json',
    'fit=squeeze',
    'g=face',
    'g=2x0',
    'background=red',
    'metadata=keep',
    'anim=true',
    'blur=20',
    'toString=1',
    'constructor',
    '__proto__=1',
    '641',
  ])('refuse %s with a sentence and Cloudflare’s code', (text) => {
    const problem = refused(text)
    expect(problem.status).toBe(400)
    expect(problem.headers['cf-resized']).toBe('err=9401')
    expect(problem.detail).toMatch(/^[A-Za-z].{15,}\.$/)
  })

  it('never fail in another way, whatever is written', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^([a-z]{1,9}=[a-z0-9.,#x]{0,6},?){1,4}$/)), (text) => {
        try {
          const canonical = formatOptions(parseOptions(text))
          expect(formatOptions(parseOptions(canonical))).toBe(canonical)
        } catch (fault) {
          expect(fault).toBeInstanceOf(Problem)
        }
      }),
    )
  })
})
