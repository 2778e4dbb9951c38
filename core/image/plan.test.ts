import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ImageHeader, Orientation } from './header/index.ts'
import { FITS, parseOptions } from './options.ts'
import { planResize, uprightSize } from './plan.ts'

const header = (width: number, height: number, orientation: Orientation = 1): ImageHeader => ({
  type: 'jpeg',
  width,
  height,
  orientation,
  frames: 1,
  alpha: false,
  wholePlanes: false,
  bitsPerSample: 8,
  samplesPerPixel: 1.5,
  profile: undefined,
  cmyk: false,
  complete: true,
})
const plan = (options: string, source: ImageHeader) => planResize(parseOptions(options), source, 'jpeg', 2048)
const canvas = (options: string, source: ImageHeader) => {
  const { width, height } = plan(options, source).canvas
  return `${width}x${height}`
}

describe('the plan of a resize', () => {
  it.each([
    ['w=200', '200x150'],
    ['h=150', '200x150'],
    ['w=200,h=200', '200x150'],
    ['w=200,h=200,fit=contain', '200x150'],
    ['w=200,h=200,fit=cover', '200x200'],
    ['w=200,h=200,fit=crop', '200x200'],
    ['w=200,h=200,fit=pad', '200x200'],
    ['w=2000', '400x300'],
    ['w=2000,h=2000,fit=cover', '300x300'],
    ['w=600,h=100,fit=crop', '400x100'],
    ['w=600,h=500,fit=pad', '600x500'],
    ['w=1', '1x1'],
    ['f=webp', '400x300'],
  ])('makes of 400x300 with %s a %s', (options, size) => {
    expect(canvas(options, header(400, 300))).toBe(size)
  })

  it('turns the box with the orientation', () => {
    expect(canvas('w=150', header(400, 300, 6))).toBe('150x200')
  })

  it('bounds the answer where the options leave it free', () => {
    expect(canvas('f=webp', header(8000, 4000))).toBe('2048x1024')
  })

  it('keeps the side that gravity names', () => {
    const cropOf = (gravity: string) => plan(`w=100,h=100,fit=cover,g=${gravity}`, header(400, 300)).crop
    expect(cropOf('left')).toMatchObject({ x: 0, y: 0, width: 300, height: 300 })
    expect(cropOf('center').x).toBe(50)
    expect(cropOf('right').x).toBe(100)
    expect(cropOf('0.25x0.5').x).toBe(25)
  })

  it('never enlarges, never leaves the picture, never exceeds the box, whatever is asked', () => {
    const side = fc.integer({ min: 1, max: 9000 })
    const box = fc.integer({ min: 1, max: 2048 })
    const orientation = fc.integer({ min: 1, max: 8 }) as fc.Arbitrary<Orientation>
    fc.assert(
      fc.property(side, side, orientation, box, box, fc.constantFrom(...FITS), (width, height, turned, w, h, fit) => {
        const source = header(width, height, turned)
        const upright = uprightSize(source)
        const { crop, scaled, canvas: whole } = plan(`w=${w},h=${h},fit=${fit},g=0.3x0.9`, source)
        expect(scaled.width).toBeLessThanOrEqual(Math.ceil(crop.width))
        expect(scaled.height).toBeLessThanOrEqual(Math.ceil(crop.height))
        expect(Math.min(scaled.width, scaled.height)).toBeGreaterThanOrEqual(1)
        expect(crop.x).toBeGreaterThanOrEqual(0)
        expect(crop.x + crop.width).toBeLessThanOrEqual(upright.width + 1e-6)
        expect(crop.y + crop.height).toBeLessThanOrEqual(upright.height + 1e-6)
        expect(whole.width).toBeLessThanOrEqual(w)
        expect(whole.height).toBeLessThanOrEqual(h)
        expect(whole.x + scaled.width).toBeLessThanOrEqual(whole.width)
      }),
    )
  })
})
