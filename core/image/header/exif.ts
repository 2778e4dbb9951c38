/** The one tag of EXIF that changes how a picture looks: its orientation (CIPA DC-008, TIFF 6.0 layout). */
import { bigEndian16, bigEndian32, littleEndian16, littleEndian32, type Orientation, textAt } from './types.ts'

const ORIENTATION_TAG = 0x0112

/**
 * Finds the orientation in a TIFF block (the payload of EXIF, after `Exif\0\0`).
 * @returns 1, upright, where the block is damaged or says nothing: a bad tag must not cost the picture.
 */
export function exifOrientation(tiff: Uint8Array): Orientation {
  const little = textAt(tiff, 0, 'II')
  if (!little && !textAt(tiff, 0, 'MM')) return 1
  const read16 = little ? littleEndian16 : bigEndian16
  const read32 = little ? littleEndian32 : bigEndian32
  const directory = read32(tiff, 4)
  const entries = Math.min(read16(tiff, directory), 512)
  for (let i = 0; i < entries; i++) {
    const entry = directory + 2 + i * 12
    if (read16(tiff, entry) !== ORIENTATION_TAG) continue
    const value = read16(tiff, entry + 8)
    return value >= 1 && value <= 8 ? (value as Orientation) : 1
  }
  return 1
}
