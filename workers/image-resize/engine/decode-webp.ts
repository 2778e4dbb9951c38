/**
 * WebP → RGBA through libwebp. The build is an older one, and libwebp has had memory faults (CVE-2023-4863): here such a
 * fault stays in the memory of one instance that has seen one picture and is dropped with it.
 */

import libWebp from '@cwasm/webp/webp.wasm'
import type { ImageHeader } from '#core/image/header/index.ts'
import { UndecodableImage } from './index.ts'
import type { DecodedRaster } from './raster.ts'
import { decoding, instantiate } from './wasm-memory.ts'

/** Bytes at the peak: RGBA; lossless files decode into a second plane of the same size first, alpha is a plane of its own. */
export function webpPixelBytes(header: ImageHeader): number {
  return header.width * header.height * (4 + (header.wholePlanes ? 4 : 0) + (header.alpha ? 1 : 0))
}

export function decodeWebp(source: Uint8Array, header: ImageHeader): DecodedRaster {
  return decoding(() => {
    const decoder = instantiate(libWebp)
    const input = decoder.copyIn(source)
    // Two results: width, height.
    const results = decoder.allocate(8)
    const pixels = decoder.call('WebPDecodeRGBA', input, source.length, results, results + 4)
    if (pixels === 0) throw new UndecodableImage('the WebP data is damaged')
    const { width, height } = header
    if (decoder.read32(results) !== width || decoder.read32(results + 4) !== height) {
      throw new UndecodableImage('the WebP has two sizes')
    }
    return { data: decoder.view(pixels, width * height * 4), width, height, channels: 4, scale: 1 }
  })
}
