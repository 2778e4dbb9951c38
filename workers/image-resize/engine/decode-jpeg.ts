/** JPEG → RGB through TurboJPEG, shrinking in the frequency domain while it decodes. */

import turboJpeg from '@cwasm/jpeg-turbo/jpeg-turbo.wasm'
import type { ImageHeader } from '#core/image/header/index.ts'
import { UndecodableImage } from './index.ts'
import type { DecodedRaster } from './raster.ts'
import { decoding, instantiate } from './wasm-memory.ts'

// TurboJPEG's pixel formats (turbojpeg.h, enum TJPF).
const TJPF_RGB = 0
const TJPF_CMYK = 11

/**
 * How much larger than the target a picture is decoded at least. At 1 the frequency domain may do all of the shrinking, which
 * is soft (1.4 dB lost on a 12 MP photo at 320 px); above 1.2 nothing was won but time lost.
 */
const HEADROOM = 1.2

/**
 * How many eighths of the original TurboJPEG is to decode to: the fewest that leave the headroom.
 * @param scale target size over source size, at most 1.
 */
const dctEighths = (scale: number): number => Math.min(8, Math.max(1, Math.ceil(scale * HEADROOM * 8 - 1e-9)))

/** The last column and row of a scaled picture may be partial, so sizes round up. */
function dctSize(header: ImageHeader, eighths: number): { width: number; height: number } {
  return { width: Math.ceil((header.width * eighths) / 8), height: Math.ceil((header.height * eighths) / 8) }
}

/** Bytes at the peak: the scaled pixels, and for progressive files the coefficients of the whole picture (2 bytes each). */
export function jpegPixelBytes(header: ImageHeader, scale: number): number {
  const { width, height } = dctSize(header, dctEighths(scale))
  const coefficients = header.wholePlanes ? header.width * header.height * header.samplesPerPixel * 2 : 0
  return width * height * (header.cmyk ? 4 : 3) + coefficients
}

/** @throws UndecodableImage also for files that decode with warnings: half a grey picture must not be cached for a week. */
export function decodeJpeg(source: Uint8Array, header: ImageHeader, scale: number): DecodedRaster {
  return decoding(() => {
    const eighths = dctEighths(scale)
    const { width, height } = dctSize(header, eighths)
    const channels = header.cmyk ? 4 : 3
    const decoder = instantiate(turboJpeg)
    const input = decoder.copyIn(source)
    const output = decoder.allocate(width * height * channels)
    const handle = decoder.call('tjInitDecompress')
    const format = header.cmyk ? TJPF_CMYK : TJPF_RGB
    const failed = decoder.call(
      'tjDecompress2',
      handle,
      input,
      source.length,
      output,
      width,
      width * channels,
      height,
      format,
      0,
    )
    if (handle === 0 || failed !== 0) throw new UndecodableImage('the JPEG data is damaged')
    const data = decoder.view(output, width * height * channels)
    return { data: header.cmyk ? inkToRgb(data) : data, width, height, channels: 3, scale: eighths / 8 }
  })
}

/** Adobe stores inks inverted (255 = none), so that colour times black is the light that is left. */
function inkToRgb(inks: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((inks.length / 4) * 3)
  for (let from = 0, to = 0; from < inks.length; from += 4, to += 3) {
    const black = inks[from + 3] ?? 0
    rgb[to] = ((inks[from] ?? 0) * black) / 255
    rgb[to + 1] = ((inks[from + 1] ?? 0) * black) / 255
    rgb[to + 2] = ((inks[from + 2] ?? 0) * black) / 255
  }
  return rgb
}
