include tcg-fallback/ir/local.mk
include tcg-fallback/opt/local.mk
include tcg-fallback/interp/local.mk
include tcg-fallback/guest/x86/local.mk
include tcg-fallback/host/x86/local.mk
include tcg-fallback/rt/local.mk
include tcg-fallback/user/local.mk
