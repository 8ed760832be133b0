/** When a certificate is replaced: when two thirds of its life are over, so that a third is left to try again. */
export function rotationAt({notBefore, notAfter}: {notBefore: number; notAfter: number}): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3;
}
