/** Something that dies at once and is started again. */
export interface Victim {
  readonly name: string
  kill(): Promise<void>
  /** Resolves once it serves. */
  restart(): Promise<void>
}

/** All at once. */
export const together = (name: string, victims: readonly Victim[]): Victim => ({
  name,
  kill: async () => void (await Promise.all(victims.map((each) => each.kill()))),
  restart: async () => void (await Promise.all(victims.map((each) => each.restart()))),
})
