/** PNG ↔ RGBA through LodePNG: every colour type and depth, interlaced too. */

import lodePng from '@cwasm/lodepng/lodepng.wasm'
import type { ImageHeader } from '#core/image/header/index.ts'
import { UndecodableImage } from './index.ts'
import type { DecodedRaster } from './raster.ts'
import { decoding, instantiate } from './wasm-memory.ts'

/** Bytes at the peak: filtered and unfiltered samples as stored, and the RGBA they become. */
export function pngPixelBytes(header: ImageHeader): number {
  const stored = (header.samplesPerPixel * header.bitsPerSample) / 8
  return Math.ceil(header.width * header.height * (2 * stored + 4))
}

export function decodePng(source: Uint8Array, header: ImageHeader): DecodedRaster {
  return decoding(() => {
    const decoder = instantiate(lodePng)
    const input = decoder.copyIn(source)
    // Three results: pointer, width, height.
    const results = decoder.allocate(12)
    const error = decoder.call('lodepng_decode32', results, results + 4, results + 8, input, source.length)
    if (error !== 0) throw new UndecodableImage(`the PNG data is damaged (LodePNG ${error})`)
    const { width, height } = header
    if (decoder.read32(results + 4) !== width || decoder.read32(results + 8) !== height) {
      throw new UndecodableImage('the PNG has two sizes')
    }
    return { data: decoder.view(decoder.read32(results), width * height * 4), width, height, channels: 4, scale: 1 }
  })
}

/** @param pixels RGBA. */
export function encodePng(pixels: Uint8Array, width: number, height: number): Uint8Array {
  const encoder = instantiate(lodePng)
  const input = encoder.copyIn(pixels)
  // Two results: pointer, length.
  const results = encoder.allocate(8)
  const error = encoder.call('lodepng_encode32', results, results + 4, input, width, height)
  if (error !== 0) throw new Error(`LodePNG ${error}`)
  return encoder.view(encoder.read32(results), encoder.read32(results + 4)).slice()
}
