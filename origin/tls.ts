/** Certificates that the settings of a service name, read at the start: a wrong path stops it then, not at the first connection. */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { z } from 'zod'

/** PEM texts. What is left out is as Node has it: the authorities that it trusts, no certificate of one's own. */
export interface Certificates {
  /** Of the authority that signed the server's certificate, where Node does not know it. */
  readonly ca?: string
  /** One's own, for servers that ask for it. */
  readonly cert?: string
  readonly key?: string
}

/** A setting that names a file of PEM; its value is the file's text. */
export const pemFile = z.string().transform((path, context) => {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException
    context.addIssue({ code: 'custom', message: `names a file that cannot be read (${code})` })
    return z.NEVER
  }
  if (!text.includes('-----BEGIN ')) {
    context.addIssue({ code: 'custom', message: 'names a file that holds no PEM' })
    return z.NEVER
  }
  return text
})

/**
 * The certificates of a service whose settings begin with a name.
 * @param isOn whether the service is spoken to by TLS
 * @throws Error for certificates without TLS, or a certificate without its key
 */
export function certificatesOf(
  name: string,
  isOn: boolean,
  { ca, cert, key }: { [K in keyof Certificates]: Certificates[K] | undefined },
): Certificates | null {
  if (!isOn) {
    if (ca ?? cert ?? key) throw new Error(`${name}_CA_FILE, _CERT_FILE and _KEY_FILE are for ${name}_TLS=on.`)
    return null
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw new Error(`${name}_CERT_FILE and ${name}_KEY_FILE belong together.`)
  }
  return { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) }
}

/** For `tls.connect` and what builds on it. Certificates are always checked. */
export const tlsOptions = (certificates: Certificates): ConnectionOptions => ({
  ...certificates,
  rejectUnauthorized: true,
})
