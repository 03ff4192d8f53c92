/** How an image check or pull ended. `reason` and `message` are the container's waiting reason and message. */
export type ImageOutcome =
  | {
      readonly kind: 'present';
      readonly imageRef: string;
      readonly user: ImageUser;
      /** An event `Pulled` for the moment the image is used, when no pull has told of itself. */
      readonly announcement: string | undefined;
    }
  | {
      readonly kind: 'failed';
      readonly reason: string;
      readonly message: string;
      readonly retryAtMs: number;
    };

/** The image's own user, for run_as_user defaults (CRI Image.uid, Image.username). */
export interface ImageUser {
  readonly uid: number | undefined;
  readonly username: string;
}
