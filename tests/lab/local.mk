# Real KVM in an emulated machine. That is so slow that on a busy machine its guests do little
# but serve their timers (whichever VMM runs them): the two halves come last, one at a time.
LAB_TESTS = %D%/kvm-1.sh %D%/kvm-2.sh
TESTS += $(LAB_TESTS)
# By variables: automake makes no rule of its own for a target that it finds here.
LAB_LOG_1 = %D%/kvm-1.sh.log
LAB_LOG_2 = %D%/kvm-2.sh.log
$(LAB_LOG_1): $(filter-out %D%/%, $(TEST_LOGS))
$(LAB_LOG_2): $(filter $(LAB_LOG_1), $(TEST_LOGS))
EXTRA_DIST += $(LAB_TESTS) %D%/count %D%/guest-init %D%/kvm %D%/labtool.c %D%/lib.sh
