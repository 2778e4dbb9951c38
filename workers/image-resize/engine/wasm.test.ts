import { describe, expect, it } from 'vitest'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { parseOptions } from '#core/image/options.ts'
import { type OutputType, planResize } from '#core/image/plan.ts'
import { colourAt, colourNameAt, decoded, finePatternPsnr, headerOf, patternPsnr } from '../fixtures/decoded.ts'
import { type FixtureName, fixture, unpackedFixture } from '../fixtures/images.ts'
import { UndecodableImage } from './index.ts'
import { wasmEngine } from './wasm.ts'

const engine = wasmEngine()

async function resized(source: Uint8Array, options: string, output: OutputType = 'jpeg') {
  const plan = planResize(parseOptions(options), headerOf(source), output, IMAGE_LIMITS.outputSide)
  const answer = await engine.resize(source, plan)
  expect(headerOf(answer.bytes)).toMatchObject({ type: output, width: answer.width, height: answer.height })
  expect(answer.contentType).toBe(`image/${output}`)
  return { ...answer, raster: decoded(answer.bytes) }
}

const sizeOf = ({ width, height }: { width: number; height: number }) => `${width}x${height}`
const contains = (bytes: Uint8Array, text: string) => new TextDecoder('latin1').decode(bytes).includes(text)

describe('the wasm engine', () => {
  it.each([
    'photo.jpg',
    'progressive.jpg',
    'full-chroma.jpg',
    'private-places.jpg',
    'rgb.png',
    'interlaced.png',
    'deep.png',
    'lossy.webp',
  ] as const)('shrinks %s to what the formula says, in JPEG, WebP and PNG', async (name) => {
    for (const output of ['jpeg', 'webp', 'png'] as const) {
      const { raster, width, height } = await resized(fixture(name), 'w=40,h=30,q=90', output)
      expect(sizeOf({ width, height })).toBe('40x30')
      // A wave of 40 pixels loses little; half a pixel of shift would cost 10 dB.
      expect(patternPsnr(raster)).toBeGreaterThan(output === 'png' ? 34 : 30)
    }
  })

  it.each([399, 301, 200, 151, 150, 101, 100, 77, 50, 13])('keeps the picture in place at %i pixels', async (width) => {
    const { raster } = await resized(fixture('photo.jpg'), `w=${width},q=95`)
    expect(raster.width).toBe(width)
    expect(patternPsnr(raster)).toBeGreaterThan(width > 40 ? 34 : 28)
  })

  it.each([380, 317, 250, 199, 163, 150, 131, 120])('keeps fine detail in its place at %i pixels', async (width) => {
    const { raster } = await resized(fixture('fine.jpg'), `w=${width},q=95`)
    expect(finePatternPsnr(raster)).toBeGreaterThan(40)
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8] as const)('turns EXIF orientation %i upright', async (orientation) => {
    const source = fixture(`orientation-${orientation}.jpg`)
    expect(headerOf(source).orientation).toBe(orientation)
    const { raster } = await resized(source, 'w=32')
    expect(sizeOf(raster)).toBe('32x24')
    const corners = [colourNameAt(raster, 0.2, 0.2), colourNameAt(raster, 0.8, 0.2)]
    corners.push(colourNameAt(raster, 0.2, 0.8), colourNameAt(raster, 0.8, 0.8))
    expect(corners).toEqual(['red', 'green', 'blue', 'white'])
  })

  it.each([1, 2, 3, 4, 5, 6, 7, 8] as const)('crops orientation %i where the viewer sees it', async (orientation) => {
    const left = await resized(fixture(`orientation-${orientation}.jpg`), 'w=12,h=24,fit=cover,g=left')
    expect([colourNameAt(left.raster, 0.5, 0.2), colourNameAt(left.raster, 0.5, 0.8)]).toEqual(['red', 'blue'])
    const bottom = await resized(fixture(`orientation-${orientation}.jpg`), 'w=30,h=10,fit=crop,g=bottom')
    expect([colourNameAt(bottom.raster, 0.2, 0.5), colourNameAt(bottom.raster, 0.8, 0.5)]).toEqual(['blue', 'white'])
  })

  it('shows the part of the picture that a crop keeps', async () => {
    const { raster } = await resized(fixture('photo.jpg'), 'w=100,h=100,fit=cover,g=right,q=95')
    expect(patternPsnr(raster, { u: 0.25, v: 0, width: 0.75, height: 1 })).toBeGreaterThan(34)
  })

  it('pads with the background', async () => {
    const { raster } = await resized(fixture('photo.jpg'), 'w=100,h=100,fit=pad,background=0000ff', 'png')
    expect(sizeOf(raster)).toBe('100x100')
    expect(colourAt(raster, 0.5, 0.02)).toEqual([0, 0, 255, 255])
    expect(colourAt(raster, 0.5, 0.97)).toEqual([0, 0, 255, 255])
  })

  it.each(['transparent.png', 'transparent.webp'] as const)('keeps the transparency of %s', async (name) => {
    for (const output of ['png', 'webp'] as const) {
      const { raster } = await resized(fixture(name), 'w=32', output)
      expect(colourAt(raster, 0.2, 0.2)[3]).toBe(255)
      expect(colourAt(raster, 0.9, 0.2)[3]).toBe(0)
    }
    const flat = await resized(fixture(name), 'w=32,background=000000')
    expect(colourNameAt(flat.raster, 0.9, 0.8)).toBe('black')
    expect(colourNameAt(flat.raster, 0.2, 0.2)).toBe('red')
  })

  it('draws transparent edges without a halo', async () => {
    const { raster } = await resized(fixture('transparent.png'), 'w=21', 'png')
    for (let u = 0; u < 1; u += 0.02) {
      const [r = 0, g = 0, b = 0, a = 0] = colourAt(raster, u, 0.2)
      if (a > 8) expect([r > 240, g < 15, b < 15]).toEqual([true, true, true])
    }
  })

  it.each(['palette.png', 'lossless.webp'] as const)('reads %s exactly', async (name) => {
    const { raster } = await resized(fixture(name), 'f=png', 'png')
    expect(colourAt(raster, 0.2, 0.2)).toEqual([255, 0, 0, 255])
    expect(colourAt(raster, 0.8, 0.8)).toEqual([255, 255, 255, 255])
  })

  it('reads grey and print colours', async () => {
    const grey = await resized(fixture('grey.jpg'), 'w=40', 'png')
    const [r = 0, g = 0, b = 0] = colourAt(grey.raster, 0.3, 0.6)
    expect([r - g, g - b]).toEqual([0, 0])
    // sharp converted to inks with its own profile: the colours are near, not equal.
    const print = await resized(fixture('cmyk.jpg'), 'w=40', 'png')
    expect(patternPsnr(print.raster)).toBeGreaterThan(15)
  })

  it.each(['jpeg', 'webp', 'png'] as const)('leaves nothing but pixels in a %s', async (output) => {
    const source = fixture('private-places.jpg')
    for (const text of ['Exif', 'Camera maker', 'adobe:ns:meta', 'ICC_PROFILE'])
      expect(contains(source, text)).toBe(true)
    const { bytes } = await resized(source, 'w=100', output)
    for (const text of ['Exif', 'EXIF', 'eXIf', 'Camera', 'adobe', 'ICC', 'iCCP', 'XMP', 'tEXt', 'Somebody']) {
      expect(contains(bytes, text)).toBe(false)
    }
  })

  it('spends fewer bytes on lower quality', async () => {
    for (const output of ['jpeg', 'webp'] as const) {
      const low = await resized(fixture('photo.jpg'), 'w=320,q=20', output)
      const high = await resized(fixture('photo.jpg'), 'w=320,q=95', output)
      expect(low.bytes.length).toBeLessThan(high.bytes.length / 2)
    }
  })

  it('writes progressive JPEG, or baseline where asked', async () => {
    expect(headerOf((await resized(fixture('photo.jpg'), 'w=320')).bytes).wholePlanes).toBe(true)
    expect(headerOf((await resized(fixture('photo.jpg'), 'w=320,f=baseline-jpeg')).bytes).wholePlanes).toBe(false)
  })

  it('gives equal bytes for equal plans: strong ETags rest on that', async () => {
    for (const output of ['jpeg', 'webp', 'png'] as const) {
      const [first, , third] = [
        await resized(fixture('photo.jpg'), 'w=200', output),
        await resized(fixture('rgb.png'), 'w=20', output),
        await resized(fixture('photo.jpg'), 'w=200', output),
      ]
      expect(third?.bytes).toEqual(first?.bytes)
    }
  })

  it.each(['truncated.jpg', 'damaged.jpg', 'bomb.jpg'] as const)('fails on %s and stays usable', async (name) => {
    const source = fixture(name)
    const small = { ...headerOf(source), width: 400, height: 300 }
    const plan = planResize(parseOptions('w=100'), small, 'jpeg', 2048)
    await expect(engine.resize(source, plan)).rejects.toThrow(UndecodableImage)
    expect((await resized(fixture('photo.jpg'), 'w=100')).width).toBe(100)
  })

  it('fails on damaged PNG and WebP', async () => {
    for (const name of ['rgb.png', 'lossy.webp', 'lossless.webp'] as FixtureName[]) {
      const source = fixture(name).slice()
      source.fill(0x55, source.length >> 1)
      await expect(resized(source, 'w=20'), name).rejects.toThrow(UndecodableImage)
    }
  })
})

describe('the memory of a resize', () => {
  const budget = (source: Uint8Array, options: string) =>
    engine.pixelBytes(planResize(parseOptions(options), headerOf(source), 'webp', 2048)) / 2 ** 20

  it('stays under 16 MB for a baseline 12 MP photo up to 640 pixels, and under the budget at every size', async () => {
    const phone = await unpackedFixture('phone.jpg.gz')
    for (const width of [150, 320, 640]) expect(budget(phone, `w=${width}`)).toBeLessThan(16)
    expect(budget(phone, 'w=2048')).toBeLessThan(IMAGE_LIMITS.pixelBytes / 2 ** 20)
    const { width, height, raster } = await resized(phone, 'w=320')
    expect(sizeOf({ width, height })).toBe('320x427')
    expect(colourAt(raster, 0.5, 0.5)[2]).toBeGreaterThan(145)
  })

  it('counts the coefficients of progressive files and the planes of PNG', async () => {
    expect(budget(await unpackedFixture('phone-progressive.jpg.gz'), 'w=320')).toBeGreaterThan(34)
    expect(budget(await unpackedFixture('phone.png.gz'), 'w=320')).toBeGreaterThan(64)
  })
})
