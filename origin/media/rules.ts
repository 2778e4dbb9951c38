/** What may be uploaded. */
import { CONTENT_TYPE, type ImageType } from '#core/image/key.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { type Problem, problems } from '#core/problem.ts'

/** Reads as "20 MB". */
const megabytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MB`

const EXTENSION: Readonly<Record<ImageType, string>> = Object.freeze({
  jpeg: 'jpg',
  png: 'png',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
})

/** The types that the image Worker resizes from; an upload of another type is turned into WebP once, here. */
export const RESIZED_AT_EDGE: ReadonlySet<ImageType> = new Set(['jpeg', 'png', 'webp'])

/** Why an upload was refused: what is stored as media.failure and answered as the problem's code. */
export type UploadFault =
  | 'wrong-size'
  | 'wrong-content'
  | 'wrong-type'
  | 'animated-image'
  | 'too-many-pixels'
  | 'undecodable'

const SENTENCES: Readonly<Record<UploadFault, string>> = Object.freeze({
  'wrong-size': 'The file that arrived has another size than was announced.',
  'wrong-content': 'The file that arrived does not match its SHA-256.',
  'wrong-type': 'The file is not of the type that was announced.',
  'animated-image': 'Animated pictures are not supported: upload a still one.',
  'too-many-pixels': `The picture has more than ${IMAGE_LIMITS.sourcePixels / 1e6} megapixels.`,
  undecodable: 'The file is damaged or ends too early.',
})

export function refusedUpload(fault: string): Problem {
  const sentence = SENTENCES[fault as UploadFault] ?? 'The upload was not completed in time.'
  return problems.unprocessable(fault, `${sentence} It was deleted; begin a new upload.`)
}

/**
 * The type of an upload that is announced.
 * @throws Problem 415 for what cannot be shown, 413 for what is too large
 */
export function checkAnnounced(contentType: string, bytes: number): ImageType {
  const mime = contentType.split(';', 1)[0]!.trim().toLowerCase()
  const types = Object.keys(CONTENT_TYPE) as ImageType[]
  const type = mime === 'image/jpg' ? 'jpeg' : types.find((known) => CONTENT_TYPE[known] === mime)
  if (type === undefined) {
    throw problems.unsupportedMedia(
      mime.startsWith('video/')
        ? 'Videos cannot be processed here yet; upload a JPEG, PNG, WebP, AVIF or GIF picture.'
        : 'Upload a JPEG, PNG, WebP, AVIF or GIF picture.',
    )
  }
  if (bytes > IMAGE_LIMITS.sourceBytes) {
    throw problems.tooLarge(`A picture may have up to ${megabytes(IMAGE_LIMITS.sourceBytes)}.`)
  }
  return type
}

/** What is left below it by anybody is swept by the store itself (its lifecycle rules). */
export const UPLOAD_PREFIX = 'uploads/'

/**
 * Where an upload goes until it has been checked. Never a key that is served: whoever holds the presigned URL could change
 * the file after the check.
 */
export const uploadKey = (mediaId: string, secret: string) => `${UPLOAD_PREFIX}${mediaId}/${secret}`

/** Where a checked original stands, named by its content: such an address may be cached for ever. */
export const originalKey = (mediaId: string, sha256: string, type: ImageType, isPrivate: boolean) =>
  `${folderOf(mediaId, isPrivate)}${sha256.slice(0, 32)}.${EXTENSION[type]}`

/** Where a media's objects lie: for everyone, or for signed addresses only. */
export const folderOf = (mediaId: string, isPrivate: boolean) => `${isPrivate ? 'private' : 'media'}/${mediaId}/`

const KEY_PARTS = /^(?:media|private)\/([^/]+)\/([0-9A-Za-z]+)(?:-(\d+))?(-[a-z]+)?(\.[0-9a-z]+)$/

/** The parts of an object's key: the picture's name, the number of the move that brought it there, the variant. */
function partsOf(key: string) {
  const [, mediaId = '', name = '', move = '0', variant = '', extension = ''] = KEY_PARTS.exec(key) ?? []
  return { mediaId, name, move: Number(move), variant, extension }
}

/** Which move brought an object where it is; 0 for none. Moves of one media rise. */
export const moveOf = (key: string): number => partsOf(key).move

/**
 * The key of an original or of one of its variants after a move. It never stood for anything before, so that nobody who
 * knows the former key knows it, and no cache has it.
 */
export function movedKey(key: string, move: number, isPrivate: boolean): string {
  const { mediaId, name, variant, extension } = partsOf(key)
  return `${folderOf(mediaId, isPrivate)}${name}-${move}${variant}${extension}`
}

/** Whether an object is this original or a variant of it. */
export const belongsTo = (object: string, original: string): boolean =>
  object.startsWith(original.slice(0, original.lastIndexOf('/') + 1)) && moveOf(object) === moveOf(original)
