import { expect, test } from 'vitest'
import { axisWeights } from './lanczos.ts'
import type { Raster } from './raster.ts'
import { resample } from './resample.ts'

function raster(width: number, height: number, channels: 3 | 4, sample: (at: number) => number): Raster {
  return {
    width,
    height,
    channels,
    data: Uint8Array.from({ length: width * height * channels }, (_, at) => sample(at)),
  }
}
const whole = ({ width, height }: Raster) => ({ x: 0, y: 0, width, height })

test('a picture that keeps its size keeps each pixel, with alpha and without', () => {
  for (const channels of [3, 4] as const) {
    const source = raster(9, 7, channels, (at) => (channels === 4 && at % 4 === 3 ? 255 : (at * 37) % 256))
    const kept = resample(source, whole(source), { width: 9, height: 7 }, channels === 3)
    expect([kept.width, kept.height, [...kept.data]]).toEqual([9, 7, [...source.data]])
  }
})

test('what is cut off without being shrunk keeps each pixel, too', () => {
  const source = raster(9, 7, 3, (at) => (at * 53) % 256)
  const { data } = resample(source, { x: 2, y: 3, width: 4, height: 2 }, { width: 4, height: 2 }, true)
  const row = (y: number) => [...source.data.slice((y * 9 + 2) * 3, (y * 9 + 6) * 3)]
  expect([...data]).toEqual([...row(3), ...row(4)])
})

test('of one colour it is of that colour at every size, however many rows a sample is made of', () => {
  const source = raster(60, 60, 3, (at) => [200, 90, 10][at % 3] ?? 0)
  const taps = new Set<number>()
  for (let size = 20; size <= 60; size++) {
    taps.add(axisWeights(60, 0, 60, size).taps % 4)
    const { data } = resample(source, whole(source), { width: size, height: size }, true)
    for (let at = 0; at < data.length; at += 3) expect([...data.slice(at, at + 3)]).toEqual([200, 90, 10])
  }
  expect(taps.size).toBe(4)
})

test('each sample is the weighted sum of the rows and columns that it covers', () => {
  const source = raster(40, 30, 3, (at) => (at * 7919) % 251)
  const target = { width: 31, height: 23 }
  const { data } = resample(source, whole(source), target, true)
  const across = axisWeights(40, 0, 40, 31)
  const down = axisWeights(30, 0, 30, 23)
  for (let y = 0; y < 23; y++) {
    for (let x = 0; x < 31; x++) {
      let sum = 0
      for (let v = 0; v < down.taps; v++) {
        for (let u = 0; u < across.taps; u++) {
          const sample = source.data[((down.first[y]! + v) * 40 + across.first[x]! + u) * 3]!
          sum += down.weights[y * down.taps + v]! * across.weights[x * across.taps + u]! * sample
        }
      }
      const expected = Math.min(255, Math.max(0, sum))
      expect(Math.abs(data[(y * 31 + x) * 3]! - expected)).toBeLessThanOrEqual(0.51)
    }
  }
})
