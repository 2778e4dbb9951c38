/** The version whose behaviour the tests compare with; clients choose features by it. */
export const SERVER_VERSION = '7.0.15'
