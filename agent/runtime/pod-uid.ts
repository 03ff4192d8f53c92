// Directories, cgroups and log files are named after it. From the API server it is always a UUID; a label in the runtime or
// a manifest may say anything.
const POD_UID = /^[A-Za-z0-9](?:[\w.-]{0,126}[A-Za-z0-9])?$/;

/** Whether something may be named after it: never a path of more than one element, nor the one above. */
export function isPodUID(text: string): boolean {
  return POD_UID.test(text);
}
