/** Every way an image request is refused, as a problem for people and a `cf-resized` code for clients of Cloudflare's API. */
import { Problem } from '../problem.ts'

/**
 * A refusal: the problem, with Cloudflare's number in the header their clients look at
 * (developers.cloudflare.com/images/reference/troubleshooting).
 */
function refusal(
  status: number,
  code: string,
  title: string,
  detail: string,
  cfCode: number,
  cause?: unknown,
): Problem {
  return new Problem({ status, code, title, detail, headers: { 'cf-resized': `err=${cfCode}` }, cause })
}

export const refusals = {
  badOptions: (detail: string) => refusal(400, 'image-options-invalid', 'Bad image options', detail, 9401),
  badSource: (detail: string) => refusal(400, 'image-source-invalid', 'Bad image source', detail, 9401),
  unsigned: (detail: string) => refusal(403, 'image-signature-required', 'Signature required', detail, 9401),
  badSignature: (detail: string) => refusal(403, 'image-signature-invalid', 'Bad signature', detail, 9401),
  expired: () =>
    refusal(
      403,
      'image-signature-expired',
      'Signature expired',
      'This image address was valid until a moment ago.',
      9401,
    ),
  missing: () => refusal(404, 'image-not-found', 'Not found', 'There is no such image.', 9404),
  tooLarge: (detail: string) => refusal(413, 'image-too-large', 'Image too large', detail, 9402),
  tooManyPixels: (detail: string) => refusal(413, 'image-too-many-pixels', 'Image too large', detail, 9413),
  notAnImage: (detail: string) => refusal(415, 'image-type-mismatch', 'Unsupported media type', detail, 9412),
  unsupported: (detail: string) => refusal(415, 'image-type-unsupported', 'Unsupported media type', detail, 9520),
  undecodable: (detail: string, cause?: unknown) =>
    refusal(422, 'image-undecodable', 'Unreadable image', detail, 9523, cause),
}
