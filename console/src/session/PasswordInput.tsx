// A password, which may be shown.
import { useState } from "react";
import { BrowseIcon, BrowseOffIcon } from "tdesign-icons-react";
import { useText } from "../i18n/i18n";
import { sessionTexts } from "../i18n/session";
import { TextInput, type TextInputProps } from "../parts/Field";

export function PasswordInput(props: Omit<TextInputProps, "type" | "suffix">) {
	const t = useText(sessionTexts);
	const [isShown, setIsShown] = useState(false);
	return (
		<TextInput
			{...props}
			type={isShown ? "text" : "password"}
			spellCheck={false}
			suffix={
				<button
					type="button"
					className="hw-input__button"
					aria-label={t(isShown ? "hidePassword" : "showPassword")}
					aria-pressed={isShown}
					onClick={() => setIsShown(!isShown)}
				>
					{isShown ? <BrowseIcon /> : <BrowseOffIcon />}
				</button>
			}
		/>
	);
}
