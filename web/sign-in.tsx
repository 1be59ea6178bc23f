import { useSignal } from "@preact/signals";
import type { JSX, TargetedSubmitEvent } from "preact";
import { fieldText } from "./form.ts";
import { signIn } from "./session.ts";

/** Who is there? A person with the name and password of his phone, or the holder of the server's token. */
export function SignIn(): JSX.Element {
  const isToken = useSignal(true);
  const trouble = useSignal("");
  const isBusy = useSignal(false);
  const submit = async (event: TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget);
    isBusy.value = true;
    trouble.value = await signIn(isToken.value ? { token: fieldText(fields, "token").trim() } : { user: fieldText(fields, "user"), password: fieldText(fields, "password") });
    isBusy.value = false;
  };
  const choose = (toToken: boolean) => () => {
    isToken.value = toToken;
    trouble.value = "";
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <img src="./lamplight.svg" alt="" width="56" height="56" />
        <h1>Lamplight</h1>
        <p class="quiet">Who is free, who is talking, who is away.</p>
        <fieldset class="segments">
          <legend class="unseen">Sign in</legend>
          <label><input type="radio" name="way" checked={isToken.value} onChange={choose(true)} /><span>With the token</span></label>
          <label><input type="radio" name="way" checked={!isToken.value} onChange={choose(false)} /><span>As myself</span></label>
        </fieldset>
        {isToken.value ? (
          <label class="field">
            <span>The web token of this server</span>
            <input id="token" name="token" type="password" autocomplete="current-password" required />
            <small>It stands in the configuration under <code>web</code>; the first start printed it.</small>
          </label>
        ) : (
          <>
            <label class="field">
              <span>Name or extension</span>
              <input name="user" autocomplete="username" required maxLength={128} />
            </label>
            <label class="field">
              <span>Password of your phone</span>
              <input name="password" type="password" autocomplete="current-password" required maxLength={256} />
            </label>
          </>
        )}
        <p class="trouble" role="alert">{trouble}</p>
        <button type="submit" class="primary" disabled={isBusy.value}>{isBusy.value ? "Signing in …" : "Show the lamps"}</button>
      </form>
    </main>
  );
}
