// TDesign's button, with what a screen reader needs to hear.
import type { AriaAttributes, ReactNode } from "react";
import TButton from "tdesign-react/es/button";

export interface ButtonProps extends AriaAttributes {
	children?: ReactNode;
	icon?: React.ReactElement;
	theme?: "default" | "primary" | "danger" | "warning" | "success";
	variant?: "base" | "outline" | "dashed" | "text";
	size?: "small" | "medium" | "large";
	shape?: "rectangle" | "square" | "round" | "circle";
	type?: "button" | "submit";
	block?: boolean;
	loading?: boolean;
	disabled?: boolean;
	title?: string;
	id?: string;
	className?: string;
	autoFocus?: boolean;
	onClick?: () => void;
}

/**
 * A button; `title` tells why one that is disabled is, and names one that has an icon alone. One that is disabled and
 * says why can be reached by the keyboard all the same, so that everybody hears it.
 */
export function Button({
	variant,
	theme = "default",
	loading,
	disabled,
	onClick,
	type = "button",
	className,
	...rest
}: ButtonProps) {
	const name = rest["aria-label"] ?? (rest.children === undefined ? rest.title : undefined);
	const isTold = Boolean(disabled && rest.title);
	return (
		<TButton
			{...rest}
			tag="button"
			className={[className, isTold && "t-is-disabled"].filter(Boolean).join(" ") || undefined}
			aria-label={name}
			aria-busy={loading || undefined}
			aria-disabled={isTold || undefined}
			type={isTold ? "button" : type}
			theme={theme}
			variant={variant ?? (theme === "default" ? "outline" : "base")}
			loading={loading}
			disabled={disabled && !isTold}
			onClick={onClick && !isTold ? () => onClick() : undefined}
		/>
	);
}
